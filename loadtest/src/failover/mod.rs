//! The same failures through nearpoint and its peers, in the lab.

mod record;
