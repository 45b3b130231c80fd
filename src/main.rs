//! The `nearpoint` daemon.

fn main() {}
