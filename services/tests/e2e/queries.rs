//! What other services can ask while clients talk: the same facts that the clients were told.

use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::session::State;
use duet_proto::v1::{GetRoomRequest, GetSessionRequest, GetStatsRequest, ListRoomsRequest, ListSessionsRequest};

use crate::client::{Client, pair};
use crate::process::{Deployment, SHAPES};

#[tokio::test]
async fn queries_tell_what_clients_were_told() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        let mut third = Client::connect(&duet.gateway).await;
        third.say(r#"{"type":"auth","userId":"ann"}"#).await;
        third.expect("authenticated").await;
        third.available().await;
        third.expect("waiting").await;
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        waiter.expect("ice").await;

        let mut query = MatchmakerClient::connect(format!("http://{}", duet.matchmaker)).await.unwrap();
        let stats = query.get_stats(GetStatsRequest {}).await.unwrap().into_inner();
        assert_eq!((stats.sessions, stats.waiting, stats.rooms), (3, 1, 1));
        assert_eq!((stats.matches_total, stats.forwarded_total), (1, 1));
        let name = format!("sessions/{}", third.id);
        let session = query.get_session(GetSessionRequest { name: name.clone() }).await.unwrap().into_inner();
        assert_eq!((session.name, session.state, session.user_id), (name, State::Waiting.into(), "ann".to_owned()));
        let listed = query.list_sessions(ListSessionsRequest::default()).await.unwrap().into_inner().sessions;
        assert_eq!(listed.len(), 3);
        let name = format!("rooms/{room}");
        let found = query.get_room(GetRoomRequest { name: name.clone() }).await.unwrap().into_inner();
        let mut members: Vec<String> = found.members.iter().map(|member| member.session.clone()).collect();
        members.sort();
        let mut expected = [format!("sessions/{}", waiter.id), format!("sessions/{}", comer.id)];
        expected.sort();
        assert_eq!(members, expected);
        assert_eq!(found.members.iter().map(|member| member.sent).sum::<u64>(), 1);
        let rooms = query.list_rooms(ListRoomsRequest::default()).await.unwrap().into_inner().rooms;
        assert_eq!(rooms.iter().map(|room| &room.name).collect::<Vec<_>>(), [&name]);
    }
}
