//! The limits of a listener, in words fixed for metrics and logs.

/// A limit of a listener that refuses clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Sessions of the listener at a time.
    Sessions,
    /// Sessions of one client at a time.
    SessionsPerClient,
    /// Flows of the listener at a time.
    Flows,
    /// Flows of one client at a time.
    FlowsPerClient,
    /// New sessions or flows of the listener.
    NewPerSecond,
    /// New sessions or flows of one client.
    NewPerSecondPerClient,
}

impl Limit {
    /// All of them, for metrics.
    pub const ALL: [Self; 6] = [
        Self::Sessions,
        Self::SessionsPerClient,
        Self::Flows,
        Self::FlowsPerClient,
        Self::NewPerSecond,
        Self::NewPerSecondPerClient,
    ];

    /// A fixed word, the metric label: the last part of the key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::SessionsPerClient => "sessions_per_client",
            Self::Flows => "flows",
            Self::FlowsPerClient => "flows_per_client",
            Self::NewPerSecond => "new_per_second",
            Self::NewPerSecondPerClient => "new_per_second_per_client",
        }
    }

    /// The key of a listener that sets it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Sessions => "limits.sessions",
            Self::SessionsPerClient => "limits.sessions_per_client",
            Self::Flows => "udp.flows",
            Self::FlowsPerClient => "udp.flows_per_client",
            Self::NewPerSecond => "limits.new_per_second",
            Self::NewPerSecondPerClient => "limits.new_per_second_per_client",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limit;

    #[test]
    fn the_label_is_the_end_of_the_key() {
        for limit in Limit::ALL {
            assert_eq!(limit.key().rsplit('.').next(), Some(limit.as_str()));
        }
    }
}
