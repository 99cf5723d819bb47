//! What operators do to clients: closed rooms, ended sessions, blocked users, a process that is asked to end.

use duet_proto::v1;
use duet_proto::v1::admin_client::AdminClient;
use serde_json::json;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::certificates::{Authority, Directory, channel};
use crate::client::{Client, pair};
use crate::process::{Deployment, Duet, SHAPES, run};

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn with_token<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    request
}

async fn admin(address: &str) -> AdminClient<Channel> {
    AdminClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

#[tokio::test]
async fn a_closed_room_and_an_ended_session_reach_clients_in_both_shapes() {
    let directory = Directory::new();
    let file = directory.write("admins", TOKEN);
    for shape in SHAPES {
        let duet = Deployment::with(shape, &[], &["--admin-token-file", &file]);
        let (mut one, mut other, room) = pair(&duet.gateway).await;
        let mut admin = admin(&duet.matchmaker).await;
        let name = format!("rooms/{room}");
        let refused = admin.close_room(v1::CloseRoomRequest { name: name.clone() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        admin.close_room(with_token(v1::CloseRoomRequest { name })).await.unwrap();
        for client in [&mut one, &mut other] {
            let left = client.expect("partner-left").await;
            assert_eq!((&left["reason"], &left["requeued"]), (&json!("closed"), &json!(true)));
            client.expect("waiting").await;
        }
        let name = format!("sessions/{}", one.id);
        admin.disconnect_session(with_token(v1::DisconnectSessionRequest { name })).await.unwrap();
        assert_eq!(u16::from(one.closed().await.code), 4410);
        let mut next = Client::connect(&duet.gateway).await;
        next.available().await;
        next.expect("matched").await;
        other.expect("matched").await;
        duet.processes[0].logged(&["admin: close room", "is_closed=true"]).await;
    }
}

#[tokio::test]
async fn a_blocked_user_is_closed_with_4410_and_so_is_whoever_proves_to_be_the_same() {
    let directory = Directory::new();
    let file = directory.write("admins", TOKEN);
    let secret = "a secret of more than 32 bytes, for tests";
    for shape in SHAPES {
        let duet = Deployment::with(shape, &["--jwt-secret", secret], &["--admin-token-file", &file]);
        let token = token(secret, "eve");
        let mut eve = Client::connect_with(&duet.gateway, &token).await;
        eve.expect("authenticated").await;
        eve.available().await;
        eve.expect("waiting").await;
        let mut admin = admin(&duet.matchmaker).await;
        let duration = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let block = v1::BlockUserRequest { user_id: "eve".into(), duration, reason: "spam".into() };
        let blocked = admin.block_user(with_token(block)).await.unwrap().into_inner();
        assert_eq!(blocked.sessions_ended, 1);
        assert_eq!(u16::from(eve.closed().await.code), 4410);
        let mut again = Client::connect_with(&duet.gateway, &token).await;
        assert_eq!(u16::from(again.closed().await.code), 4410);
        let mut later = Client::connect(&duet.gateway).await;
        later.say(&json!({"type": "auth", "token": token}).to_string()).await;
        assert_eq!(u16::from(later.closed().await.code), 4410);
        admin.unblock_user(with_token(v1::UnblockUserRequest { user_id: "eve".into() })).await.unwrap();
        let mut eve = Client::connect_with(&duet.gateway, &token).await;
        eve.expect("authenticated").await;
        eve.available().await;
        eve.expect("waiting").await;
    }
}

fn token(secret: &str, user: &str) -> String {
    let expires = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    let claims = json!({"sub": user, "exp": expires});
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test]
async fn a_process_that_is_asked_to_drain_ends_as_by_a_signal() {
    let directory = Directory::new();
    let file = directory.write("admins", TOKEN);
    for shape in SHAPES {
        let mut duet = Deployment::with(shape, &[], &["--admin-token-file", &file]);
        let mut admin = admin(&duet.matchmaker).await;
        admin.drain_replica(with_token(v1::DrainReplicaRequest {})).await.unwrap();
        drop(admin);
        let (status, log) = duet.processes.remove(0).ended();
        assert!(status.success() && log.contains("DrainReplica"), "{log}");
    }
}

#[tokio::test]
async fn an_operator_may_be_known_by_a_certificate_and_is_named_in_the_log() {
    let (directory, authority) = (Directory::new(), Authority::new());
    let [cert, key] = directory.write_identity("matchmaker", &authority.sign(&["localhost"]));
    let ca = directory.write("ca.pem", &authority.certificate);
    let tls = ["--grpc-tls-cert-file", &cert, "--grpc-tls-key-file", &key, "--grpc-tls-client-ca-file", &ca];
    let names = ["--admin-client-names", "ops.duet.test"];
    let matchmaker = Duet::start(&[&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &tls[..], &names].concat());
    let address = matchmaker.address("gRPC");
    let pause = || v1::PausePoolRequest { name: "pools/default".into() };
    let other = channel(&address, &authority.client_with(&authority.sign(&["gateway.duet.test"]))).await.unwrap();
    let refused = AdminClient::new(other).pause_pool(pause()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "CLIENT_NAME_REFUSED");
    let ops = channel(&address, &authority.client_with(&authority.sign(&["ops.duet.test"]))).await.unwrap();
    assert!(AdminClient::new(ops).pause_pool(pause()).await.unwrap().into_inner().paused);
    matchmaker.logged(&["admin: pause pool", "ops.duet.test"]).await;

    let (status, _, stderr) = run(&["matchmaker", "--admin-client-names", "ops.duet.test"], &[]);
    assert_eq!(status, Some(64), "{stderr}");
    assert!(stderr.contains("ADMIN_CLIENT_NAMES") && stderr.contains("GRPC_TLS_CLIENT_CA_FILE"), "{stderr}");
}
