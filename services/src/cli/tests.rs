use std::ffi::OsString;

use super::*;

fn parse_line(line: &str) -> Result<Verb, clap::Error> {
    parse(std::iter::once("duet").chain(line.split_whitespace()).map(OsString::from))
}

#[test]
fn without_a_verb_it_is_standalone_and_takes_its_flags() {
    for line in ["", "standalone", "--port 9000", "standalone --port=9000"] {
        let Ok(Verb::Standalone(args)) = parse_line(line) else { panic!("{line}") };
        assert_eq!(args.gateway.port, if line.contains("9000") { 9000 } else { 8080 });
    }
    assert!(parse_line("--help").unwrap_err().to_string().contains("healthcheck"));
}

#[test]
fn a_bad_value_is_an_error_that_names_its_setting() {
    for (line, setting) in [
        ("gateway --port 70000", "PORT"),
        ("gateway --port http", "PORT"),
        ("standalone --allowed-origin example.com", "--allowed-origin"),
        ("gateway --matchmaker-url matchmaker:50051", "--matchmaker-url"),
        ("gateway --matchmaker-url ftp://matchmaker:50051", "--matchmaker-url"),
        ("gateway --matchmaker-tls-name a/b", "--matchmaker-tls-name"),
        ("matchmaker --grpc-plaintext perhaps", "--grpc-plaintext"),
        ("matchmaker --query-listen 50052", "--query-listen"),
        ("gateway --matchmaker-url ,", "--matchmaker-url"),
        ("gateway --matchmaker-url dns+ftp://matchmakers:50051", "--matchmaker-url"),
        ("gateway --matchmaker-url dns+http://matchmakers:50051/path", "--matchmaker-url"),
        ("gateway --matchmaker-dns-seconds 0", "--matchmaker-dns-seconds"),
        ("gateway --matchmaker-dns-seconds 3601", "--matchmaker-dns-seconds"),
        ("matchmaker --grpc-listen 50051", "--grpc-listen"),
        ("matchmaker --requeue-on-partner-leave perhaps", "--requeue-on-partner-leave"),
        ("standalone --drain-limit-ms=-1", "--drain-limit-ms"),
        ("standalone --drain-limit-ms 1e3", "--drain-limit-ms"),
        ("gateway --pong-timeout-ms 0", "--pong-timeout-ms"),
        ("gateway --workers 0", "--workers"),
        ("gateway --max-message-bytes 10", "--max-message-bytes"),
        ("gateway --grpc-listen 127.0.0.1:1", "--grpc-listen"),
        ("gateway --stun-urls turn:a", "--stun-urls"),
        ("gateway --turn-urls turn:a,stun:b", "--turn-urls"),
        ("gateway --turn-urls turn:a?transport=sctp", "--turn-urls"),
        ("gateway --stun-urls s,stun:b", "--stun-urls"),
        ("gateway --turn-credential-ttl-ms 59999", "--turn-credential-ttl-ms"),
        ("gateway --turn-credential-ttl-ms 86400001", "--turn-credential-ttl-ms"),
        ("gateway --ice-transport-policy none", "--ice-transport-policy"),
        ("stats --server 127.0.0.1:50051", "--server"),
        ("stats --server ftp://127.0.0.1:50051", "--server"),
        ("stats --timeout-ms 0", "--timeout-ms"),
        ("block eve", "--seconds"),
        ("watch --resume abc --rooms", "--rooms"),
        ("matchmaker --event-backlog 0", "--event-backlog"),
        ("matchmaker --watch-heartbeat-ms 0", "--watch-heartbeat-ms"),
        ("nonsense", "nonsense"),
    ] {
        let error = parse_line(line).map(|verb| panic!("{verb:?}")).unwrap_err();
        assert!(error.to_string().contains(setting), "{line}: {error}");
    }
}

#[test]
fn requeueing_is_switched_by_the_usual_words() {
    for (word, requeues) in [("true", true), ("false", false), ("0", false), ("no", false), ("1", true)] {
        let Ok(Verb::Matchmaker(args)) = parse_line(&format!("matchmaker --requeue-on-partner-leave {word}")) else {
            panic!("{word}")
        };
        assert_eq!(args.matchmaker.config(args.link.queue()).requeue_on_partner_leave, requeues);
    }
}

#[test]
fn so_many_matchmakers_can_be_named_and_no_more() {
    let line = |count| format!("gateway --matchmaker-url {}", vec!["dns+https://matchmakers:50051"; count].join(","));
    assert!(parse_line(&line(64)).is_ok());
    let error = parse_line(&line(65)).map(|verb| panic!("{verb:?}")).unwrap_err();
    assert!(error.to_string().contains("at most 64"), "{error}");
}
