//! The settings of TLS, and of who may ask the matchmaker. Which belong together is checked here; what is in the files, where they are read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::BoolishValueParser;
use duet_gateway::server::{Address, DnsAddress, Matchmakers, Tls, TlsAddress};
use duet_matchmaker::server::{AdminAccess, Clients, PortTls, QueryTokens};
use rustls::pki_types::ServerName;

use super::MatchmakerUrls;
use super::values::{Place, socket_address};
use super::watching::AdminArgs;
use crate::failure::Failure;
use crate::files::{Files, SettingFile};
use crate::tls::{self, Identity};

/// What the gateway shows browsers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct TlsArgs {
    /// Certificate chain for clients, as PEM: with TLS_KEY_FILE the port speaks https and wss [default: none, it speaks http and ws]
    #[arg(long, env, value_name = "PATH")]
    tls_cert_file: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env, value_name = "PATH")]
    tls_key_file: Option<PathBuf>,
}

impl TlsArgs {
    pub(crate) fn read(&self, files: &mut Files) -> Result<Option<Tls>, Failure> {
        let identity =
            identity(("TLS_CERT_FILE", self.tls_cert_file.as_ref()), ("TLS_KEY_FILE", self.tls_key_file.as_ref()))?;
        let Some(identity) = identity else { return Ok(None) };
        Ok(Some(Tls::new(files.read(move || tls::for_browsers(&identity))?)))
    }
}

/// How a gateway links to a matchmaker by https.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct LinkTlsArgs {
    /// Who may have signed the matchmaker's certificate, as PEM; needed for a MATCHMAKER_URL of https or dns+https
    #[arg(long, env, value_name = "PATH")]
    matchmaker_ca_file: Option<PathBuf>,
    /// Certificate chain to show the matchmaker, as PEM [default: none]
    #[arg(long, env, value_name = "PATH")]
    matchmaker_cert_file: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env, value_name = "PATH")]
    matchmaker_key_file: Option<PathBuf>,
    /// DNS name, IP address or URI (as a SPIFFE id) that the matchmaker's certificate must be for [default: the host of MATCHMAKER_URL]
    #[arg(long, env, value_name = "NAME", value_parser = certificate_name)]
    matchmaker_tls_name: Option<CertificateName>,
}

impl LinkTlsArgs {
    pub(crate) fn matchmakers(&self, urls: &MatchmakerUrls, files: &mut Files) -> Result<Matchmakers, Failure> {
        let identity = identity(
            ("MATCHMAKER_CERT_FILE", self.matchmaker_cert_file.as_ref()),
            ("MATCHMAKER_KEY_FILE", self.matchmaker_key_file.as_ref()),
        )?;
        let ca = self.matchmaker_ca_file.as_ref().map(|path| SettingFile::new("MATCHMAKER_CA_FILE", path));
        let is_tls = urls.0.iter().any(|url| url.place.is_tls());
        let configs = match ca {
            Some(ca) if is_tls => {
                let uri = match &self.matchmaker_tls_name {
                    Some(CertificateName::Uri(uri)) => Some(uri.clone()),
                    _ => None,
                };
                Some(files.read(move || tls::for_grpc_client(&ca, identity.as_ref(), uri.as_deref()))?)
            }
            None if is_tls => {
                let why = "MATCHMAKER_URL begins with https or dns+https, so MATCHMAKER_CA_FILE must say whose certificates to trust";
                return Err(Failure::Setting(why.to_owned()));
            }
            _ if ca.is_some() || identity.is_some() || self.matchmaker_tls_name.is_some() => {
                let given = "MATCHMAKER_CA_FILE, MATCHMAKER_CERT_FILE, MATCHMAKER_KEY_FILE and MATCHMAKER_TLS_NAME";
                let why =
                    format!("{given} are for a MATCHMAKER_URL that begins with https or dns+https, and none does");
                return Err(Failure::Setting(why));
            }
            _ => None,
        };
        let addresses = urls.0.iter().map(|url| match (&url.place, &configs) {
            (Place::Plain(address), _) => Ok(address.clone()),
            (Place::Tls(uri) | Place::TlsByName(uri), configs) => {
                let configs = configs.clone().expect("there is an address with TLS");
                let name = match &self.matchmaker_tls_name {
                    Some(CertificateName::Server(name)) => Some(name.clone()),
                    Some(CertificateName::Uri(_)) | None => None,
                };
                let address = TlsAddress::new(uri, name, configs);
                let address = address.map(|address| match &url.place {
                    Place::TlsByName(_) => Address::Dns(DnsAddress::tls(address)),
                    _ => Address::Tls(address),
                });
                address.map_err(|why| Failure::Setting(format!("MATCHMAKER_URL: {}: {why}", url.url)))
            }
        });
        addresses.collect::<Result<_, _>>().map(Matchmakers::Grpc)
    }
}

/// Who may ask the matchmaker what, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matchmaker: who may ask")]
pub(crate) struct PortArgs {
    /// Whether a gRPC port that other hosts reach may go without TLS: because a mesh encrypts, or on a private network
    #[arg(long, env, default_value = "false", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, value_name = "BOOL")]
    grpc_plaintext: bool,
    /// Certificate chain of GRPC_LISTEN, as PEM [default: none, it is not encrypted]
    #[arg(long, env, value_name = "PATH")]
    grpc_tls_cert_file: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env, value_name = "PATH")]
    grpc_tls_key_file: Option<PathBuf>,
    /// Who must have signed the certificate of whoever links, as PEM [default: none is asked for]
    #[arg(long, env, value_name = "PATH")]
    grpc_tls_client_ca_file: Option<PathBuf>,
    /// Names of which a client's certificate must have one: DNS names, or URIs as SPIFFE ids [default: any]
    #[arg(long, env, value_name = "NAME[,NAME]", value_delimiter = ',')]
    grpc_tls_client_names: Vec<String>,
    /// Where other services query; GRPC_LISTEN then serves links only [default: on GRPC_LISTEN]
    #[arg(long, env, value_parser = socket_address, value_name = "ADDRESS:PORT")]
    pub(crate) query_listen: Option<SocketAddr>,
    /// Certificate chain of QUERY_LISTEN, as PEM [default: none, it is not encrypted]
    #[arg(long, env, value_name = "PATH")]
    query_tls_cert_file: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env, value_name = "PATH")]
    query_tls_key_file: Option<PathBuf>,
    /// Who must have signed the certificate of whoever queries, as PEM [default: none is asked for]
    #[arg(long, env, value_name = "PATH")]
    query_tls_client_ca_file: Option<PathBuf>,
    /// Bearer tokens of whoever queries, one a line, each of at least 32 characters [default: none is asked for]
    #[arg(long, env, value_name = "PATH")]
    query_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// How the ports are protected.
#[derive(Debug, Default)]
pub(crate) struct PortAccess {
    pub(crate) links: Option<PortTls>,
    pub(crate) queries: Option<PortTls>,
    pub(crate) tokens: Option<tokio::sync::watch::Receiver<Arc<QueryTokens>>>,
    pub(crate) admin: AdminAccess,
}

impl PortArgs {
    /// `grpc` is where links come in, if anywhere.
    pub(crate) fn read(&self, grpc: Option<SocketAddr>, files: &mut Files) -> Result<PortAccess, Failure> {
        let links = self.links(files)?;
        let queries = self.queries(files)?;
        let unused = |setting| Failure::Setting(format!("{setting} protects QUERY_LISTEN, which is not set"));
        if queries.is_some() && self.query_listen.is_none() {
            return Err(unused("QUERY_TLS_CERT_FILE"));
        }
        self.check_plaintext("GRPC_LISTEN", "GRPC_TLS", grpc, links.is_some())?;
        self.check_plaintext("QUERY_LISTEN", "QUERY_TLS", self.query_listen, queries.is_some())?;
        let mut tokens = |setting, path: &Option<PathBuf>| {
            let file = path.as_ref().map(|path| SettingFile::new(setting, path));
            let read = |file: SettingFile| {
                files.read(move || {
                    let text = std::fs::read_to_string(file.path()).map_err(|error| file.problem(error))?;
                    QueryTokens::parse(&text).map_err(|why| file.problem(why))
                })
            };
            file.map(read).transpose()
        };
        let query_tokens = tokens("QUERY_TOKEN_FILE", &self.query_token_file)?;
        let admin_tokens = tokens("ADMIN_TOKEN_FILE", &self.admin.admin_token_file)?;
        let admin = AdminAccess { tokens: admin_tokens, names: self.admin_names()?, log_filter: None };
        Ok(PortAccess { links, queries, tokens: query_tokens, admin })
    }

    fn admin_names(&self) -> Result<Option<Arc<[String]>>, Failure> {
        let names = client_names("ADMIN_CLIENT_NAMES", &self.admin.admin_client_names)?;
        let (ca, needed) = match self.query_listen {
            Some(_) => (&self.query_tls_client_ca_file, "QUERY_TLS_CLIENT_CA_FILE"),
            None => (&self.grpc_tls_client_ca_file, "GRPC_TLS_CLIENT_CA_FILE"),
        };
        if !names.is_empty() && ca.is_none() {
            let why = format!("ADMIN_CLIENT_NAMES are of certificates, so {needed} must say who signs them");
            return Err(Failure::Setting(why));
        }
        Ok((!names.is_empty()).then(|| names.into()))
    }

    fn links(&self, files: &mut Files) -> Result<Option<PortTls>, Failure> {
        let ca = ("GRPC_TLS_CLIENT_CA_FILE", self.grpc_tls_client_ca_file.as_ref());
        if !self.grpc_tls_client_names.is_empty() && ca.1.is_none() {
            let why = "GRPC_TLS_CLIENT_NAMES are of certificates, so GRPC_TLS_CLIENT_CA_FILE must say who signs them";
            return Err(Failure::Setting(why.to_owned()));
        }
        let names = client_names("GRPC_TLS_CLIENT_NAMES", &self.grpc_tls_client_names)?;
        let clients = if names.is_empty() { Clients::Certified } else { Clients::Named(names.into()) };
        let cert = ("GRPC_TLS_CERT_FILE", self.grpc_tls_cert_file.as_ref());
        port_tls(cert, ("GRPC_TLS_KEY_FILE", self.grpc_tls_key_file.as_ref()), ca, clients, files)
    }

    fn queries(&self, files: &mut Files) -> Result<Option<PortTls>, Failure> {
        let cert = ("QUERY_TLS_CERT_FILE", self.query_tls_cert_file.as_ref());
        let key = ("QUERY_TLS_KEY_FILE", self.query_tls_key_file.as_ref());
        let ca = ("QUERY_TLS_CLIENT_CA_FILE", self.query_tls_client_ca_file.as_ref());
        port_tls(cert, key, ca, Clients::Certified, files)
    }

    fn check_plaintext(
        &self,
        listen: &str,
        tls: &str,
        address: Option<SocketAddr>,
        is_encrypted: bool,
    ) -> Result<(), Failure> {
        match address {
            Some(address) if !address.ip().to_canonical().is_loopback() && !is_encrypted && !self.grpc_plaintext => {
                Err(Failure::Setting(format!(
                    "{listen} is {address}, which other hosts can reach, and is not encrypted. Either set {tls}_CERT_FILE and \
                     {tls}_KEY_FILE, or say GRPC_PLAINTEXT=true if a mesh encrypts or the network is private."
                )))
            }
            _ => Ok(()),
        }
    }
}

fn client_names(setting: &str, names: &[String]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(Failure::Setting(format!("{setting}: a name is empty")));
    }
    Ok(names)
}

pub(super) type Given<'a> = (&'static str, Option<&'a PathBuf>);

fn port_tls(
    cert: Given<'_>,
    key: Given<'_>,
    ca: Given<'_>,
    certified: Clients,
    files: &mut Files,
) -> Result<Option<PortTls>, Failure> {
    let Some(identity) = identity(cert, key)? else {
        let needed = |_| Failure::Setting(format!("{} needs {} and {}", ca.0, cert.0, key.0));
        return ca.1.map(needed).map_or(Ok(None), Err);
    };
    let ca = ca.1.map(|path| SettingFile::new(ca.0, path));
    let clients = if ca.is_some() { certified } else { Clients::Anyone };
    let configs = files.read(move || tls::for_grpc(&identity, ca.as_ref()))?;
    Ok(Some(PortTls::new(configs, clients)))
}

/// Both or neither.
pub(super) fn identity(cert: Given<'_>, key: Given<'_>) -> Result<Option<Identity>, Failure> {
    let lacks =
        |has: &str, lacks: &str| Err(Failure::Setting(format!("{has} is set and {lacks} is not: both or neither")));
    match (cert.1, key.1) {
        (None, None) => Ok(None),
        (Some(_), None) => lacks(cert.0, key.0),
        (None, Some(_)) => lacks(key.0, cert.0),
        (Some(cert_path), Some(key_path)) => {
            Ok(Some(Identity { cert: SettingFile::new(cert.0, cert_path), key: SettingFile::new(key.0, key_path) }))
        }
    }
}

/// Whom a certificate is for.
#[derive(Clone, Debug)]
pub(super) enum CertificateName {
    Server(ServerName<'static>),
    Uri(String),
}

pub(super) fn certificate_name(text: &str) -> Result<CertificateName, String> {
    if text.contains("://") && text.parse::<http::Uri>().is_ok() {
        return Ok(CertificateName::Uri(text.to_owned()));
    }
    let name = ServerName::try_from(text.to_owned()).map(CertificateName::Server);
    name.map_err(|_| "expected a DNS name, an IP address or a URI".to_owned())
}
