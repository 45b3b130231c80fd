//! What there is to say of each endpoint, for people and for programs that read the document.

use hyper::StatusCode;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::schema_of;
use crate::admin::endpoint::Endpoint;
use crate::admin::operate::{drills, intents};
use crate::admin::view::{
    ClientsView, ConfigView, DcsView, DrillView, EndedView, EventsView, ExplainView,
    HistoryEntryView, HistoryView, IntentView, LiveView, NearestDcView, PushView, ReadyView,
    SessionsView, StatusView,
};
use crate::config;

/// What there is to say of an endpoint.
pub(super) struct About {
    /// In a sentence.
    pub(super) summary: &'static str,
    /// What it answers, and whether with an ETag.
    pub(super) answer: (Content, bool),
    /// What it is sent.
    pub(super) body: Option<Content>,
    /// How it may refuse beside what all do.
    pub(super) refusals: &'static [StatusCode],
}

/// What is in a body.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// JSON of this schema.
    Json(Value),
    /// The same, with a status that says yes or no.
    Verdict(Value),
    /// A list of access points: YAML or JSON.
    List,
}

impl About {
    fn new(summary: &'static str, answer: Content) -> Self {
        Self { summary, answer: (answer, false), body: None, refusals: &[] }
    }

    /// It says which list is in force.
    fn with_etag(mut self) -> Self {
        self.answer.1 = true;
        self
    }

    fn taking(self, body: Content) -> Self {
        Self { body: Some(body), ..self }
    }

    fn refusing(self, refusals: &'static [StatusCode]) -> Self {
        Self { refusals, ..self }
    }
}

/// While the daemon starts or ends, or has no time.
const BUSY: [StatusCode; 1] = [StatusCode::SERVICE_UNAVAILABLE];

/// Of what may not be there.
const UNKNOWN: [StatusCode; 1] = [StatusCode::NOT_FOUND];

/// Of what may not be there, or not fit what is.
const UNFIT: [StatusCode; 2] = [StatusCode::NOT_FOUND, StatusCode::CONFLICT];

/// Of what may not be there, from a daemon that may have no time.
const UNKNOWN_OR_BUSY: [StatusCode; 2] = [StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];

/// Of bodies that say what to do.
const ORDER: [StatusCode; 6] = [
    StatusCode::NOT_FOUND,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Of lists.
const PUSH: [StatusCode; 8] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::PRECONDITION_REQUIRED,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Of what puts something into force that is here already.
const AGAIN: [StatusCode; 5] = [
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// What there is to say of it.
pub(super) fn about(endpoint: Endpoint, schemas: &mut SchemaGenerator) -> About {
    match endpoint {
        Endpoint::Live => About::new(
            "Whether the data plane moves.",
            Content::Verdict(schema_of::<LiveView>(schemas)),
        ),
        Endpoint::Ready => About::new(
            "Whether this edge should be given clients.",
            Content::Verdict(schema_of::<ReadyView>(schemas)),
        ),
        Endpoint::OpenApi => About::new("This document.", object()),
        Endpoint::Status => About::new("The daemon on one screen.", json_of::<StatusView>(schemas)),
        Endpoint::Configuration => About::new(
            "The whole configuration in force, with the defaults filled in and secrets redacted.",
            object(),
        )
        .refusing(&BUSY),
        Endpoint::Dcs => About::new(
            "DCs and their access points, with health and measured round trips.",
            json_of::<DcsView>(schemas),
        ),
        Endpoint::Explain => {
            About::new("Where a client would go, and why.", json_of::<ExplainView>(schemas))
                .refusing(&UNFIT)
        }
        Endpoint::Config => About::new(
            "What a client is to be told of the network, in the shape of help.getConfig.",
            json_of::<ConfigView>(schemas),
        )
        .refusing(&UNFIT),
        Endpoint::NearestDc => About::new(
            "The nearest DC of a client, in the shape of help.getNearestDc.",
            json_of::<NearestDcView>(schemas),
        )
        .refusing(&UNFIT),
        Endpoint::Events => About::new(
            "State changes and their causes, at once or when there are some.",
            json_of::<EventsView>(schemas),
        )
        .refusing(&BUSY),
        Endpoint::List => {
            About::new("The list of access points in force, secrets included.", Content::List)
                .with_etag()
                .refusing(&BUSY)
        }
        Endpoint::PushList => About::new(
            "Puts another list into force, or says what that would do.",
            json_of::<PushView>(schemas),
        )
        .with_etag()
        .taking(Content::List)
        .refusing(&PUSH),
        Endpoint::History => About::new(
            "The lists that were in force, the newest first.",
            json_of::<HistoryView>(schemas),
        )
        .refusing(&BUSY),
        Endpoint::HistoryEntry => About::new(
            "One of them, and how it differs from the one before.",
            json_of::<HistoryEntryView>(schemas),
        )
        .refusing(&UNKNOWN_OR_BUSY),
        Endpoint::Rollback => About::new(
            "Puts a list into force that was there before, or says what that would do.",
            json_of::<PushView>(schemas),
        )
        .with_etag()
        .refusing(&AGAIN),
        Endpoint::Reload => {
            About::new("Reads the files again.", json_of::<PushView>(schemas)).refusing(&AGAIN)
        }
        Endpoint::DcState => {
            About::new("Sets what operators want of a DC.", json_of::<IntentView>(schemas))
                .taking(json_of::<intents::Order>(schemas))
                .refusing(&ORDER)
        }
        Endpoint::AccessPointState => About::new(
            "Sets what operators want of an access point.",
            json_of::<IntentView>(schemas),
        )
        .taking(json_of::<intents::Order>(schemas))
        .refusing(&ORDER),
        Endpoint::Clients => {
            About::new("A sample of the clients seen lately.", json_of::<ClientsView>(schemas))
                .refusing(&UNKNOWN_OR_BUSY)
        }
        Endpoint::Sessions => {
            About::new("Sessions and flows that are open.", json_of::<SessionsView>(schemas))
                .refusing(&BUSY)
        }
        Endpoint::EndSessions => {
            About::new("Ends sessions and flows.", json_of::<EndedView>(schemas)).refusing(&BUSY)
        }
        Endpoint::Drill => {
            About::new("The drill that runs, or ran last.", json_of::<DrillView>(schemas))
                .refusing(&UNKNOWN)
        }
        Endpoint::StartDrill => About::new(
            "Begins a drill: drains a DC for a time, and watches the others.",
            json_of::<DrillView>(schemas),
        )
        .taking(json_of::<drills::Order>(schemas))
        .refusing(&ORDER),
        Endpoint::EndDrill => {
            About::new("Ends the drill that runs.", json_of::<DrillView>(schemas)).refusing(&AGAIN)
        }
    }
}

fn json_of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Content {
    Content::Json(schema_of::<T>(schemas))
}

fn object() -> Content {
    Content::Json(json!({"type": "object"}))
}

/// Whether `If-Match` is taken, and has to be there.
pub(super) fn if_match(endpoint: Endpoint) -> Option<bool> {
    match endpoint {
        Endpoint::PushList => Some(true),
        Endpoint::Rollback => Some(false),
        _ => None,
    }
}

/// Whether a parameter of the query has to be there.
pub(super) fn is_required(endpoint: Endpoint, name: &str) -> bool {
    let asks_about_client =
        matches!(endpoint, Endpoint::Explain | Endpoint::Config | Endpoint::NearestDc);
    asks_about_client && name == "ip"
}

/// The schema of a parameter, and what it means.
pub(super) fn parameter(endpoint: Endpoint, name: &str) -> (Value, &'static str) {
    let address = json!({
        "type": "string",
        "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
    });
    let text = json!({"type": "string"});
    let switch = json!({"type": "string", "enum": ["0", "1", "false", "true"]});
    let count =
        |least: u64, most: u64| json!({"type": "integer", "minimum": least, "maximum": most});
    let dc = count(1, 32_767);
    let socket = json!({
        "type": "string",
        "pattern": format!("^(?:{})(?:/udp)?$", config::socket_address_pattern()),
        "examples": ["192.0.2.1:443", "192.0.2.1:443/udp"],
    });
    match (endpoint, name) {
        (Endpoint::Explain, "dc") => (
            count_signed(),
            "The DC that the client names in its MTProto header; negative for media.",
        ),
        (Endpoint::Events, "limit") => (count(1, 1000), "Events of the answer at most."),
        (_, "ip") => (address, "The address of the client."),
        (_, "client") => {
            (address, "Those of this client: an IPv4 address, or any of its IPv6 /64.")
        }
        (_, "listener") => (text, "The name of the listener."),
        (_, "dc") => (dc, "The number of the DC."),
        (_, "access_point") => (socket, "The address of the access point."),
        (_, "protocol") => (
            json!({"type": "string", "enum": ["tcp", "udp"]}),
            "What the access point serves there; both if it is left out.",
        ),
        (_, "after") => (count(0, u64::MAX), "The id of an event: those that came later."),
        (_, "instance") => (text, "The process that the id is of; all events of any other one."),
        (_, "wait") => (
            json!({"type": "string", "pattern": "^([0-9]|[1-5][0-9]|60)s$"}),
            "How long to wait for an event when there is none.",
        ),
        (Endpoint::Sessions, "limit") => (
            count(0, u64::from(u32::MAX)),
            "So many at most; 1000 if it is left out, and never more than 10000.",
        ),
        (_, "limit") => (count(0, u64::from(u32::MAX)), "So many at most."),
        (_, "number") => (count(1, u64::MAX), "The number of an entry of the history."),
        (_, "to") => {
            (count(1, u64::MAX), "The entry to go back to; the one before if it is left out.")
        }
        (_, "dry_run") => (switch, "1: say what it would do, and do nothing."),
        (_, "force") => (switch, "1: whatever guards say. That is recorded."),
        (_, "reason") => (text, "Why, for the record."),
        (_, other) => unreachable!("{other} is no parameter of the table"),
    }
}

fn count_signed() -> Value {
    json!({"type": "integer", "minimum": -32_768, "maximum": 32_767})
}
