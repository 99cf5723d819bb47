//! Where metrics are pushed to, by the variables that all of OpenTelemetry uses. Those that traces share are
//! settings of traces; those that only say otherwise for metrics are read from the environment, and are no flags.

use std::env;

use clap::Args;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::traces::TraceArgs;
use super::values::{Milliseconds, host_name, positive_milliseconds};
use crate::failure::Failure;
use crate::metrics::{Place, Push};

/// Whether, where and how often metrics are pushed.
#[derive(Debug, Args)]
pub(crate) struct OtlpArgs {
    /// Whether metrics are pushed by OTLP [default: if there is an endpoint]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "otlp|none", value_parser = Exporter::parse)]
    otel_metrics_exporter: Exporter,
    /// Collector that metrics are pushed to [default: /v1/metrics of OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "URL")]
    otel_exporter_otlp_metrics_endpoint: String,
    /// How often
    #[arg(long, env, default_value = "60000", value_name = "MS", value_parser = positive_milliseconds)]
    otel_metric_export_interval: Milliseconds,
}

/// `OTEL_METRICS_EXPORTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exporter {
    /// It is not said.
    Unset,
    /// By OTLP.
    Otlp,
    /// Not at all; `/metrics` is served if METRICS_LISTEN says where.
    None,
}

impl Exporter {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Ok(Exporter::Unset),
            "otlp" => Ok(Exporter::Otlp),
            "none" => Ok(Exporter::None),
            _ => Err("expected otlp or none"),
        }
    }
}

impl OtlpArgs {
    /// What pushes them, if anything, under the name that the process has for a collector. To be called inside a runtime.
    pub(crate) fn push(&self, process: &str, traces: &TraceArgs) -> Result<Option<Push>, Failure> {
        let environment = |name: &str| traces.shared(name).or_else(|| env::var(name).ok());
        let Some((setting, place)) = self.place(environment).map_err(Failure::Setting)? else { return Ok(None) };
        let headers = headers(environment).map_err(Failure::Setting)?;
        let mut resource = traces.resource(process).map_err(Failure::Setting)?;
        let instance = || format!("{}-{}", host_name(), std::process::id());
        resource.entry("service.instance.id".to_owned()).or_insert_with(instance);
        let push = Push::new(place, headers, self.otel_metric_export_interval.0, resource);
        push.map(Some).map_err(|why| Failure::Setting(format!("{setting}: {why}")))
    }

    fn place(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Option<(&'static str, Place)>, String> {
        // An empty variable is as good as none.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let own = given(Some(self.otel_exporter_otlp_metrics_endpoint.clone())).map(|url| (METRICS_ENDPOINT, url));
        let shared = given(environment(ENDPOINT)).map(|url| (ENDPOINT, url));
        let is_wanted = self.otel_metrics_exporter == Exporter::Otlp;
        let is_disabled = environment(DISABLED).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if is_disabled
            || self.otel_metrics_exporter == Exporter::None
            || (!is_wanted && own.is_none() && shared.is_none())
        {
            return Ok(None);
        }
        let of_metrics = given(environment(METRICS_PROTOCOL)).map(|protocol| (METRICS_PROTOCOL, protocol));
        let protocol = of_metrics.or_else(|| given(environment(PROTOCOL)).map(|protocol| (PROTOCOL, protocol)));
        let is_grpc = match &protocol {
            None => true,
            Some((_, protocol)) if protocol == "http/protobuf" => false,
            Some((_, protocol)) if protocol == "grpc" => true,
            Some((setting, protocol)) => {
                return Err(format!("{setting}: expected grpc or http/protobuf, not '{protocol}'"));
            }
        };
        let default = if is_grpc { "http://localhost:4317" } else { "http://localhost:4318" };
        let (setting, url) = own.or(shared).unwrap_or((ENDPOINT, default.to_owned()));
        let is_whole = is_grpc || setting == METRICS_ENDPOINT;
        let whole = if is_whole { url.clone() } else { format!("{}/v1/metrics", url.trim_end_matches('/')) };
        let uri = whole.parse::<http::Uri>().ok();
        let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        let uri = uri.ok_or_else(|| format!("{setting}: expected a URL like http://collector:4318, not '{url}'"))?;
        Ok(Some((setting, if is_grpc { Place::Grpc(uri) } else { Place::Http(uri) })))
    }
}

/// `name=value`, percent-encoded, separated by commas. What they say may be secret, and is in no error.
fn headers(environment: impl Fn(&str) -> Option<String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for setting in [HEADERS, METRICS_HEADERS] {
        let given = environment(setting).unwrap_or_default();
        for (place, header) in (1..).zip(given.split(',').filter(|header| !header.trim().is_empty())) {
            let parsed = header.split_once('=').and_then(|(name, value)| {
                let name = HeaderName::try_from(name.trim()).ok()?;
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                let mut value = HeaderValue::try_from(&*value).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            });
            let (name, value) = parsed.ok_or_else(|| format!("{setting}: header {place} is no NAME=VALUE"))?;
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const DISABLED: &str = "OTEL_SDK_DISABLED";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const METRICS_HEADERS: &str = "OTEL_EXPORTER_OTLP_METRICS_HEADERS";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

#[cfg(test)]
mod tests {
    use super::*;

    type Environment = &'static [(&'static str, &'static str)];

    fn environment(given: Environment) -> impl Fn(&str) -> Option<String> {
        move |name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn place(endpoint: &str, exporter: Exporter, given: Environment) -> Result<Option<Place>, String> {
        let args = OtlpArgs {
            otel_metrics_exporter: exporter,
            otel_exporter_otlp_metrics_endpoint: endpoint.to_owned(),
            otel_metric_export_interval: Milliseconds(std::time::Duration::from_secs(60)),
        };
        args.place(environment(given)).map(|place| place.map(|(_, place)| place))
    }

    fn http(url: &'static str) -> Result<Option<Place>, String> {
        Ok(Some(Place::Http(http::Uri::from_static(url))))
    }

    fn grpc(url: &'static str) -> Result<Option<Place>, String> {
        Ok(Some(Place::Grpc(http::Uri::from_static(url))))
    }

    const HTTP: (&str, &str) = (PROTOCOL, "http/protobuf");

    #[test]
    fn metrics_are_pushed_where_the_usual_variables_say() {
        assert_eq!(place("", Exporter::Unset, &[]), Ok(None));
        assert_eq!(place("", Exporter::Unset, &[(ENDPOINT, "")]), Ok(None));
        assert_eq!(place("", Exporter::Otlp, &[]), grpc("http://localhost:4317"));
        assert_eq!(place("", Exporter::Otlp, &[HTTP]), http("http://localhost:4318/v1/metrics"));
        assert_eq!(place("", Exporter::Unset, &[(ENDPOINT, "http://c:4317")]), grpc("http://c:4317"));
        assert_eq!(place("", Exporter::Unset, &[(ENDPOINT, "http://c:4318/"), HTTP]), http("http://c:4318/v1/metrics"));
        assert_eq!(place("http://m:1/x", Exporter::Unset, &[(ENDPOINT, "http://c"), HTTP]), http("http://m:1/x"));
        assert_eq!(place("http://m:1/x", Exporter::None, &[]), Ok(None));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let refused = |given| place("", Exporter::Unset, given).unwrap_err();
        assert!(refused(&[(ENDPOINT, "collector:4318")]).starts_with(ENDPOINT));
        assert!(refused(&[(ENDPOINT, "http://c"), (METRICS_PROTOCOL, "http/json")]).starts_with(METRICS_PROTOCOL));
    }

    #[test]
    fn headers_are_secret() {
        let given =
            headers(environment(&[(HEADERS, "a=1, authorization=Bearer%20x"), (METRICS_HEADERS, "a=2")])).unwrap();
        assert_eq!((given.len(), given["a"].to_str().unwrap()), (2, "2"));
        assert_eq!(given["authorization"], "Bearer x");
        assert!(!format!("{given:?}").contains("Bearer"));
        assert_eq!(
            headers(environment(&[(HEADERS, "s3cret")])).unwrap_err(),
            format!("{HEADERS}: header 1 is no NAME=VALUE")
        );
    }
}
