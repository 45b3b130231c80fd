//! Decides where a client goes.
