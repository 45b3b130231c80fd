//! The HTTP side door: what operators, load balancers and Prometheus read.
//!
//! [`server`] carries requests for two listeners, [`api`] and [`scrape`]; [`view`] holds the shapes
//! of the answers, which the command line reads back; [`facts`] is what no snapshot knows. Reads
//! only: nothing here changes how a client is routed, and nothing here runs on a data-plane thread.

pub mod api;
pub mod events;
pub mod facts;
#[cfg(test)]
pub(crate) mod fixture;
mod host;
mod ports;
mod query;
mod readiness;
mod reply;
pub mod scrape;
pub mod server;
pub mod view;

pub use api::AdminContext;
pub use events::EventsApi;
pub use facts::Facts;
pub use reply::Reply;
pub use scrape::ScrapeContext;
pub use server::serve;
