//! The relay, byte by byte: what it carries, and how its sessions end.

mod carry;
mod ends;
mod lab;
#[path = "../support/noise.rs"]
mod noise;
