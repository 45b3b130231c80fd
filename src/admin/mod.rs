//! The HTTP side door: what operators, load balancers and Prometheus read.
//!
//! [`server`] carries requests for two listeners, [`api`] and [`scrape`]; [`view`] holds the shapes
//! of the answers, which the command line reads back; [`facts`] is what no snapshot knows.
//! Who may ask what is decided at the [`gate`], by [`credentials`] that are watched; what is changed leaves
//! a line in the log ([`audit`]).
//! What operators change is asked of [`Operations`], which somebody who knows the whole daemon
//! implements: nothing here changes by itself how a client is routed, and nothing here runs on a
//! data-plane thread.

pub mod api;
mod asked;
pub mod audit;
pub mod credentials;
pub mod doorway;
mod endpoint;
pub mod events;
pub mod facts;
mod failures;
#[cfg(test)]
pub(crate) mod fixture;
pub mod gate;
mod host;
mod openapi;
mod operate;
pub mod operations;
mod ports;
mod query;
mod readiness;
mod reply;
pub mod scrape;
pub mod server;
mod tls;
pub mod view;

pub use api::AdminContext;
pub use asked::{Asked, Body, BodyError, Peer};
pub use credentials::{Credentials, CredentialsError};
pub use doorway::Doorway;
pub use events::EventsApi;
pub use facts::Facts;
pub use gate::Gate;
pub use operations::Operations;
pub use reply::Reply;
pub use scrape::ScrapeContext;
pub use server::serve;
