//! What there is to ask: every path with its method, who may, and what it takes. The one list of them:
//! requests are led by it, and the OpenAPI document is made of it.

use hyper::Method;

use super::events;

/// Something to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Live,
    Ready,
    OpenApi,
    Status,
    Configuration,
    Dcs,
    Explain,
    Config,
    NearestDc,
    Events,
    List,
    PushList,
    History,
    HistoryEntry,
    Rollback,
    Reload,
    DcState,
    AccessPointState,
    Clients,
    Sessions,
    EndSessions,
    Drill,
    StartDrill,
    EndDrill,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// Anybody, from anywhere: load balancers have no token.
    Public,
    /// Anybody of this machine; from elsewhere who has a token.
    Local,
    /// Who has a token, or is the daemon's user on its Unix socket.
    Read,
    /// Who has a token of role `write`, or is the daemon's user on its Unix socket.
    Write,
}

/// How something is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// `GET` answers `HEAD` too.
    pub(super) method: &'static Method,
    /// With names in braces for segments that may be anything.
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// The names of the parameters in the query.
    pub(super) parameters: &'static [&'static str],
}

/// What stands for the names in the braces of a path, in their order; still percent-encoded.
pub(super) type Segments<'a> = Vec<&'a str>;

impl Endpoint {
    /// All of them.
    pub(super) const ALL: [Self; 24] = [
        Self::Live,
        Self::Ready,
        Self::OpenApi,
        Self::Status,
        Self::Configuration,
        Self::Dcs,
        Self::Explain,
        Self::Config,
        Self::NearestDc,
        Self::Events,
        Self::List,
        Self::PushList,
        Self::History,
        Self::HistoryEntry,
        Self::Rollback,
        Self::Reload,
        Self::DcState,
        Self::AccessPointState,
        Self::Clients,
        Self::Sessions,
        Self::EndSessions,
        Self::Drill,
        Self::StartDrill,
        Self::EndDrill,
    ];

    /// How it is asked for.
    pub(super) fn route(self) -> Route {
        const GET: &Method = &Method::GET;
        const PUT: &Method = &Method::PUT;
        const POST: &Method = &Method::POST;
        const DELETE: &Method = &Method::DELETE;
        const SESSIONS: &[&str] = &["listener", "dc", "access_point", "client", "limit"];
        const END_SESSIONS: &[&str] =
            &["listener", "dc", "access_point", "client", "limit", "reason"];
        let (method, path, access, parameters): (_, _, _, &[&str]) = match self {
            Self::Live => (GET, "/livez", Access::Public, &[]),
            Self::Ready => (GET, "/readyz", Access::Public, &[]),
            Self::OpenApi => (GET, "/v1/openapi.json", Access::Public, &[]),
            Self::Status => (GET, "/v1/status", Access::Local, &[]),
            Self::Configuration => (GET, "/v1/configuration", Access::Local, &[]),
            Self::Dcs => (GET, "/v1/dcs", Access::Local, &[]),
            Self::Explain => (GET, "/v1/explain", Access::Local, &["ip", "listener", "dc"]),
            Self::Config => (GET, "/v1/config", Access::Local, &["ip", "listener"]),
            Self::NearestDc => (GET, "/v1/nearest_dc", Access::Local, &["ip", "listener"]),
            Self::Events => (GET, "/v1/events", Access::Local, events::PARAMETERS),
            Self::List => (GET, "/v1/dc_options", Access::Read, &[]),
            Self::PushList => {
                (PUT, "/v1/dc_options", Access::Write, &["dry_run", "force", "reason"])
            }
            Self::History => (GET, "/v1/dc_options/history", Access::Read, &["limit"]),
            Self::HistoryEntry => (GET, "/v1/dc_options/history/{number}", Access::Read, &[]),
            Self::Rollback => (
                POST,
                "/v1/dc_options/rollback",
                Access::Write,
                &["to", "dry_run", "force", "reason"],
            ),
            Self::Reload => (POST, "/v1/reload", Access::Write, &["force", "reason"]),
            Self::DcState => (PUT, "/v1/dcs/{dc}/state", Access::Write, &[]),
            Self::AccessPointState => {
                let path = "/v1/dcs/{dc}/access_points/{access_point}/state";
                (PUT, path, Access::Write, &["protocol"])
            }
            Self::Clients => (GET, "/v1/clients", Access::Read, &["listener", "limit"]),
            Self::Sessions => (GET, "/v1/sessions", Access::Read, SESSIONS),
            Self::EndSessions => (DELETE, "/v1/sessions", Access::Write, END_SESSIONS),
            Self::Drill => (GET, "/v1/drill", Access::Local, &[]),
            Self::StartDrill => (POST, "/v1/drill", Access::Write, &[]),
            Self::EndDrill => (DELETE, "/v1/drill", Access::Write, &["reason"]),
        };
        Route { method, path, access, parameters }
    }

    /// What this path leads to, by whatever method.
    pub(super) fn at(path: &str) -> Vec<(Self, Segments<'_>)> {
        let found = Self::ALL.into_iter();
        found.filter_map(|it| Some((it, segments(it.route().path, path)?))).collect()
    }

    /// Whether its body may be a list, which takes much memory.
    pub(super) fn takes_list(self) -> bool {
        self == Self::PushList
    }

    /// Whether a method asks for it.
    pub(super) fn answers(self, method: &Method) -> bool {
        let own = self.route().method;
        own == method || (own == Method::GET && method == Method::HEAD)
    }
}

/// What stands at the braces of `template` in `path`, if it is such a path.
fn segments<'a>(template: &str, path: &'a str) -> Option<Segments<'a>> {
    let mut found = Vec::new();
    let mut given = path.split('/');
    for wanted in template.split('/') {
        let given = given.next()?;
        match wanted.starts_with('{') {
            true if given.is_empty() => return None,
            true => found.push(given),
            false if wanted == given => {}
            false => return None,
        }
    }
    given.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found_by_its_path_and_by_no_other_endpoints() {
        for endpoint in Endpoint::ALL {
            let Route { method, path, .. } = endpoint.route();
            let found = Endpoint::at(path).into_iter().filter(|(it, _)| it.answers(method));
            let found: Vec<_> = found.map(|(it, _)| it).collect();
            assert_eq!(found, [endpoint]);
        }
        assert_eq!(Endpoint::at("/v1/nothing"), []);
    }

    #[test]
    fn names_in_braces_stand_for_one_segment_that_is_something() {
        let path = "/v1/dcs/2/access_points/192.0.2.1:443/state";
        let [(Endpoint::AccessPointState, segments)] = &Endpoint::at(path)[..] else {
            panic!("one endpoint");
        };
        assert_eq!(segments, &["2", "192.0.2.1:443"]);
        for path in ["/v1/dcs//state", "/v1/dcs/2/state/", "/v1/dcs/2/3/state"] {
            assert_eq!(Endpoint::at(path), [], "{path}");
        }
    }
}
