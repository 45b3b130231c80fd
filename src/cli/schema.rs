//! `nearpoint schema`: what the configuration may say, for editors.

use std::process::ExitCode;

use super::args::SchemaOf;
use super::output;
use crate::config::schema;

/// Prints the schema.
pub(super) fn print(of: SchemaOf) -> ExitCode {
    output::print_json(&match of {
        SchemaOf::Config => schema::config(),
        SchemaOf::DcOptions => schema::dc_options(),
    })
}
