//! Measures nearpoint beside its peers.

fn main() {}
