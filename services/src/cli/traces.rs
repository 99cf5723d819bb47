//! The settings of traces: the usual variables of OpenTelemetry, checked before anything starts.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue, Uri};
use opentelemetry_sdk::trace::Sampler;

use super::secret::SecretText;
use crate::telemetry::{Protocol, TraceExport};

/// Where traces go and which. All of it is as OpenTelemetry specifies; a variable that is set to nothing is not set.
#[derive(Debug, Args)]
#[command(next_help_heading = "Traces")]
pub(crate) struct TraceArgs {
    /// The collector that traces go to: http://HOST:4317 for grpc, http://HOST:4318 for http/protobuf, or https [default: none, nothing is traced]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "URL")]
    otel_exporter_otlp_endpoint: String,
    /// The same for traces only; with http/protobuf the whole URL
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "URL")]
    otel_exporter_otlp_traces_endpoint: String,
    /// How the collector is spoken to: grpc or http/protobuf [default: grpc]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PROTOCOL")]
    otel_exporter_otlp_protocol: String,
    /// Headers for the collector, as NAME=VALUE, percent-encoded
    #[arg(
        long,
        env,
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_name = "NAME=VALUE[,…]"
    )]
    otel_exporter_otlp_headers: SecretText,
    /// How long the collector may take for a batch [default: 10000]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "MS")]
    otel_exporter_otlp_timeout: String,
    /// What the process is called in traces [default: duet-standalone, duet-gateway or duet-matchmaker]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAME")]
    otel_service_name: String,
    /// What else is said of the process, as NAME=VALUE, percent-encoded
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAME=VALUE[,…]")]
    otel_resource_attributes: String,
    /// Which traces are recorded: always_on, always_off, traceidratio, or these with parentbased_ [default: parentbased_always_on]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "SAMPLER")]
    otel_traces_sampler: String,
    /// For traceidratio: of how many, from 0 to 1 [default: 1]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "RATIO")]
    otel_traces_sampler_arg: String,
    /// How long spans gather before they are exported [default: 5000]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "MS")]
    otel_bsp_schedule_delay: String,
    /// Spans that may wait to be exported; more are lost [default: 2048]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "COUNT")]
    otel_bsp_max_queue_size: String,
    /// Spans of one batch [default: 512]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "COUNT")]
    otel_bsp_max_export_batch_size: String,
    /// Whether nothing is traced, whatever else is set
    #[arg(long, env, default_value = "false", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true")]
    otel_sdk_disabled: bool,
}

impl TraceArgs {
    /// What is exported where, if anything is; or which setting is wrong. `process` is what it is called unless the settings say.
    pub(crate) fn export(&self, process: &str) -> Result<Option<TraceExport>, String> {
        let protocol = match &*self.otel_exporter_otlp_protocol {
            "" | "grpc" => Protocol::Grpc,
            "http/protobuf" => Protocol::Http,
            _ => return Err("OTEL_EXPORTER_OTLP_PROTOCOL: expected grpc or http/protobuf".to_owned()),
        };
        let endpoint = self.endpoint(protocol)?;
        let queue = number("OTEL_BSP_MAX_QUEUE_SIZE", &self.otel_bsp_max_queue_size, 2_048, 1..=1_048_576)?;
        let most = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &self.otel_bsp_max_export_batch_size, 512, 1..=65_536)?;
        let delay = number("OTEL_BSP_SCHEDULE_DELAY", &self.otel_bsp_schedule_delay, 5_000, 1..=86_400_000)?;
        let timeout = number("OTEL_EXPORTER_OTLP_TIMEOUT", &self.otel_exporter_otlp_timeout, 10_000, 1..=86_400_000)?;
        let resource = self.resource(process)?;
        let (sampler, headers) = (self.sampler()?, self.headers()?);
        let Some(endpoint) = endpoint.filter(|_| !self.otel_sdk_disabled) else { return Ok(None) };
        Ok(Some(TraceExport {
            endpoint,
            protocol,
            headers,
            timeout: Duration::from_millis(timeout),
            resource,
            sampler,
            delay: Duration::from_millis(delay),
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
            batch: usize::try_from(most.min(queue)).unwrap_or(usize::MAX),
        }))
    }

    /// What is said of the process, in traces and in metrics.
    pub(super) fn resource(&self, process: &str) -> Result<HashMap<String, String>, String> {
        let mut resource = pairs("OTEL_RESOURCE_ATTRIBUTES", &self.otel_resource_attributes)?;
        let named = resource.remove("service.name").filter(|_| self.otel_service_name.is_empty());
        let name = if self.otel_service_name.is_empty() { process } else { &self.otel_service_name };
        resource.insert("service.name".to_owned(), named.unwrap_or_else(|| name.to_owned()));
        Ok(resource)
    }

    /// A setting that metrics share, if it is set.
    pub(super) fn shared(&self, setting: &str) -> Option<String> {
        match setting {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(self.otel_exporter_otlp_endpoint.clone()),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(self.otel_exporter_otlp_protocol.clone()),
            "OTEL_EXPORTER_OTLP_HEADERS" => Some(self.otel_exporter_otlp_headers.0.clone()),
            "OTEL_SDK_DISABLED" => Some(self.otel_sdk_disabled.to_string()),
            _ => None,
        }
    }

    fn endpoint(&self, protocol: Protocol) -> Result<Option<String>, String> {
        let (setting, url) = if self.otel_exporter_otlp_traces_endpoint.is_empty() {
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.otel_exporter_otlp_endpoint)
        } else {
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &self.otel_exporter_otlp_traces_endpoint)
        };
        if url.is_empty() {
            return Ok(None);
        }
        let is_url = |url: Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        if !url.parse().is_ok_and(is_url) {
            return Err(format!("{setting}: expected http://HOST:PORT or https://HOST:PORT"));
        }
        let is_base = protocol == Protocol::Http && setting == "OTEL_EXPORTER_OTLP_ENDPOINT";
        Ok(Some(if is_base { format!("{}/v1/traces", url.trim_end_matches('/')) } else { url.clone() }))
    }

    fn sampler(&self) -> Result<Sampler, String> {
        let (name, parent) = match self.otel_traces_sampler.strip_prefix("parentbased_") {
            Some(name) => (name, true),
            None if self.otel_traces_sampler.is_empty() => ("always_on", true),
            None => (&*self.otel_traces_sampler, false),
        };
        let ratio = match &*self.otel_traces_sampler_arg {
            "" => Some(1.0),
            text => f64::from_str(text).ok().filter(|ratio| (0.0..=1.0).contains(ratio)),
        };
        let root = match (name, ratio) {
            ("always_on", _) => Sampler::AlwaysOn,
            ("always_off", _) => Sampler::AlwaysOff,
            ("traceidratio", Some(ratio)) => Sampler::TraceIdRatioBased(ratio),
            ("traceidratio", None) => return Err("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1".to_owned()),
            _ => {
                return Err("OTEL_TRACES_SAMPLER: expected always_on, always_off, traceidratio, or one of these with \
                            parentbased_ before it"
                    .to_owned());
            }
        };
        Ok(if parent { Sampler::ParentBased(Box::new(root)) } else { root })
    }

    fn headers(&self) -> Result<http::HeaderMap, String> {
        let header = |(name, value): (String, String)| {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        };
        let pairs = pairs("OTEL_EXPORTER_OTLP_HEADERS", &self.otel_exporter_otlp_headers.0)?;
        let headers: Option<http::HeaderMap> = pairs.into_iter().map(header).collect();
        headers.ok_or_else(|| "OTEL_EXPORTER_OTLP_HEADERS: there is a header that HTTP can't carry".to_owned())
    }
}

/// Which traces clients may belong to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Traces")]
pub(crate) struct ClientTraceArgs {
    /// Whether a client's request may say, by traceparent, to which trace its wishes belong
    #[arg(long, env, default_value = "honour", value_name = "WHETHER")]
    pub(crate) trace_upgrades: TraceUpgrades,
    /// How many requests a second may ask for their trace to be recorded; others begin traces of their own. 0 is no limit
    #[arg(long, env, default_value = "10", value_name = "COUNT")]
    pub(crate) trace_upgrade_rate: u32,
}

/// What becomes of a request's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceUpgrades {
    /// It goes on.
    Honour,
    /// Duet's begin anew.
    Ignore,
}

fn number(setting: &str, text: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(default);
    }
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{setting}: expected a whole number from {} to {}", range.start(), range.end()))
}

/// `NAME=VALUE` by `NAME`. The error shows none of them: there may be secrets.
fn pairs(setting: &str, text: &str) -> Result<HashMap<String, String>, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.into_owned()))
    };
    let pairs: Option<_> = super::values::elements(text).map(pair).collect();
    pairs.ok_or_else(|| format!("{setting}: expected NAME=VALUE, and commas between several"))
}
