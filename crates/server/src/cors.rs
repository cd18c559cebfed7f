//! Cross-origin resource sharing: which other origins a browser lets read the server's answers. The headers are those
//! of the Fetch standard's CORS protocol, the options and their defaults those of the `cors` package that the official
//! server uses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::hooks::Additions;

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
/// What may be asked for where no methods were named: as in the official server.
const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Cross-origin resource sharing: which other origins a browser lets read the server's answers.
///
/// Off by default. It covers HTTP only; a WebSocket is opened whatever CORS says, see
/// [`ServerBuilder::check_origin`](crate::ServerBuilder::check_origin).
///
/// ```
/// use enchufe::{Cors, Server};
///
/// let io = Server::builder().cors(Cors::origins(["https://app.example.com"]).credentials(true)).build()?;
/// # Ok::<_, enchufe::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Cors {
    origins: Allowed,
    credentials: bool,
    methods: HeaderValue,
    /// `None`: whatever is asked for.
    allowed_headers: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    max_age: Option<Duration>,
    private_network: bool,
}

#[derive(Clone)]
enum Allowed {
    Any,
    List(Vec<String>),
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Cors {
    /// Pages of any origin, without credentials.
    #[must_use]
    pub const fn any() -> Self {
        Self::new(Allowed::Any)
    }

    /// Pages of these origins, such as `https://example.com`: scheme, host, and port where it is not the scheme's own.
    #[must_use]
    pub fn origins<S: Into<String>>(origins: impl IntoIterator<Item = S>) -> Self {
        Self::new(Allowed::List(origins.into_iter().map(Into::into).collect()))
    }

    /// Pages of the origins for which this is true. Mind where a name ends: `https://example.com.evil.test` begins
    /// with `https://example.com`.
    ///
    /// ```
    /// use enchufe::Cors;
    ///
    /// let cors = Cors::matching(|origin| origin.starts_with("https://") && origin.ends_with(".example.com"));
    /// ```
    #[must_use]
    pub fn matching(allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Allowed::Matching(Arc::new(allowed)))
    }

    const fn new(origins: Allowed) -> Self {
        Self {
            origins,
            credentials: false,
            methods: METHODS,
            allowed_headers: None,
            exposed_headers: None,
            max_age: None,
            private_network: false,
        }
    }

    /// Whether requests may carry cookies; default no. With [`Cors::any`] the asking origin is then named in the
    /// answer, which lets every page on the web act with your users' cookies: hardly ever what one wants.
    #[must_use]
    pub const fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// The methods that pages may use. Default GET, HEAD, PUT, PATCH, POST and DELETE; clients of the server need
    /// GET and POST.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = list(methods.into_iter().map(|method| method.to_string()));
        self
    }

    /// The headers that pages may send. Default: those that they ask for.
    #[must_use]
    pub fn allowed_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = Some(list(names));
        self
    }

    /// The headers of answers that pages may read, beside the usual ones. Default none.
    #[must_use]
    pub fn exposed_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = Some(list(names));
        self
    }

    /// How long browsers may remember the answer to a preflight, in whole seconds. Default: as long as they please,
    /// which is a few seconds.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether public pages may reach this server in a private network. Default no. (Private Network Access, which
    /// Chromium asks for before it lets them.)
    #[must_use]
    pub const fn private_network(mut self, allowed: bool) -> Self {
        self.private_network = allowed;
        self
    }

    /// The headers of the answer to `request`; of a preflight's answer, where it is one.
    pub(crate) fn headers_for(&self, request: &HeaderMap, preflight: bool) -> Additions {
        let mut headers = Additions::default();
        let origin = request.get(header::ORIGIN).map(detached);
        let allowed = match (&self.origins, origin) {
            (Allowed::Any, _) if !self.credentials => Some(HeaderValue::from_static("*")),
            (Allowed::Any, origin) => origin,
            (_, Some(origin)) => self.origins.contain(&origin).then_some(origin),
            (_, None) => None,
        };
        if !matches!((&self.origins, self.credentials), (Allowed::Any, false)) {
            headers.push(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = allowed else { return headers };
        headers.push(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.push(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(exposed) = &self.exposed_headers {
            headers.push(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        if preflight {
            self.add_preflight(request, &mut headers);
        }
        headers
    }

    fn add_preflight(&self, request: &HeaderMap, headers: &mut Additions) {
        headers.push(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        match (&self.allowed_headers, asked) {
            (Some(allowed), _) => headers.push(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone()),
            (None, Some(asked)) => {
                headers.push(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
                headers.push(header::ACCESS_CONTROL_ALLOW_HEADERS, detached(asked));
            }
            (None, None) => {}
        }
        if let Some(age) = self.max_age {
            headers.push(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age.as_secs()));
        }
        if self.private_network && request.get(REQUEST_PRIVATE_NETWORK).is_some_and(|asked| asked == "true") {
            headers.push(ALLOW_PRIVATE_NETWORK, TRUE);
        }
    }
}

impl Allowed {
    fn contain(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()),
            Self::Matching(allowed) => origin.to_str().is_ok_and(|origin| {
                crate::handler::guarded("Cors::matching", || allowed(origin)).unwrap_or(false)
            }),
        }
    }
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: &dyn fmt::Debug = match &self.origins {
            Allowed::Any => &"any",
            Allowed::List(list) => list,
            Allowed::Matching(_) => &"matching",
        };
        f.debug_struct("Cors")
            .field("origins", origins)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// The same value, without the buffer of the request that it came in: a poll may wait for long.
fn detached(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static("null"))
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> HeaderValue {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    // Names and methods are tokens, which are valid in any header.
    HeaderValue::try_from(items.join(",")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), v.parse().unwrap())).collect()
    }

    fn answer(cors: &Cors, request: &[(&'static str, &str)], preflight: bool) -> HeaderMap {
        let mut answer = HeaderMap::new();
        cors.headers_for(&headers(request), preflight).apply(&mut answer);
        answer
    }

    #[test]
    fn any_origin_is_a_star_without_credentials_and_a_name_with_them() {
        let request = [("origin", "http://a.test")];
        let plain = answer(&Cors::any(), &request, false);
        assert_eq!(plain[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let named = answer(&Cors::any().credentials(true), &request, false);
        assert_eq!(named[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://a.test");
        assert_eq!(named[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(named[header::VARY], "Origin");
    }

    #[test]
    fn only_members_of_a_list_or_what_matches_is_named() {
        let list = Cors::origins(["https://ok.test"]);
        let rule =
            Cors::matching(|origin| origin.strip_prefix("https://").is_some_and(|host| host == "ok.test"));
        for cors in [list, rule] {
            for (origin, allowed) in
                [("https://ok.test", true), ("https://no.test", false), ("https://ok.test.evil.test", false)]
            {
                let answer = answer(&cors, &[("origin", origin)], true);
                assert_eq!(answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
                assert_eq!(answer[header::VARY], "Origin", "caches are told either way");
            }
        }
        let broken = Cors::matching(|_| panic!("as asked for"));
        assert!(
            !answer(&broken, &[("origin", "https://ok.test")], false)
                .contains_key("access-control-allow-origin")
        );
    }

    #[test]
    fn a_preflight_says_what_is_allowed() {
        let request = [
            ("origin", "http://a.test"),
            ("access-control-request-headers", "x-one, x-two"),
            ("access-control-request-private-network", "true"),
        ];
        let usual = answer(&Cors::any(), &request, true);
        assert_eq!(usual[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,HEAD,PUT,PATCH,POST,DELETE");
        assert_eq!(usual[header::ACCESS_CONTROL_ALLOW_HEADERS], "x-one, x-two");
        assert_eq!(usual[header::VARY], "Access-Control-Request-Headers");
        assert!(!usual.contains_key(header::ACCESS_CONTROL_MAX_AGE));
        assert!(!usual.contains_key(ALLOW_PRIVATE_NETWORK));

        let cors = Cors::any()
            .methods([Method::GET, Method::POST])
            .allowed_headers([header::AUTHORIZATION, HeaderName::from_static("x-one")])
            .exposed_headers([HeaderName::from_static("x-seen")])
            .max_age(Duration::from_secs(600))
            .private_network(true);
        let own = answer(&cors, &request, true);
        assert_eq!(own[header::ACCESS_CONTROL_ALLOW_METHODS], "GET,POST");
        assert_eq!(own[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization,x-one");
        assert_eq!(own[header::ACCESS_CONTROL_EXPOSE_HEADERS], "x-seen");
        assert_eq!(own[header::ACCESS_CONTROL_MAX_AGE], "600");
        assert_eq!(own[ALLOW_PRIVATE_NETWORK], "true");
        let plain = answer(&cors, &request, false);
        assert_eq!(plain[header::ACCESS_CONTROL_EXPOSE_HEADERS], "x-seen");
        assert!(!plain.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS), "for preflights only");
    }
}
