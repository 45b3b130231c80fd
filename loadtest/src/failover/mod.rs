//! The same failures through nearpoint and its peers, in the lab.

mod outcome;
mod phase;
mod plot;
mod record;
mod report;
mod scenario;
mod time;
mod verdict;

#[cfg(test)]
mod example;
