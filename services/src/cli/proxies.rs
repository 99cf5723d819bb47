//! The settings of proxies before the gateway.

use clap::Args;
use clap::builder::BoolishValueParser;
use duet_gateway::addresses::{ForwardingHeader, TrustedProxies};
use duet_gateway::server::ProxySettings;

/// Whose word counts for where a client is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway: proxies")]
pub(crate) struct ProxyArgs {
    /// Proxies whose word counts for where a client is [default: none, and the address of the socket counts]
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = TrustedProxies::parse, value_name = "CIDR[,CIDR]")]
    trusted_proxies: TrustedProxies,
    /// The header by which they tell it: x-forwarded-for or forwarded
    #[arg(long, env, default_value = "x-forwarded-for", value_name = "NAME")]
    forwarding_header: ForwardingHeader,
    /// Whether they begin each connection with PROXY protocol, version 2, instead; others may not connect
    #[arg(long, env, default_value = "false", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true")]
    proxy_protocol: bool,
}

impl ProxyArgs {
    /// What can't be meant.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let is_alone = self.proxy_protocol && self.trusted_proxies.is_empty();
        is_alone.then_some("PROXY_PROTOCOL needs TRUSTED_PROXIES: nobody else may say where a client is")
    }

    pub(super) fn settings(&self) -> ProxySettings {
        ProxySettings {
            trusted: self.trusted_proxies.clone(),
            header: self.forwarding_header,
            protocol: self.proxy_protocol,
        }
    }
}
