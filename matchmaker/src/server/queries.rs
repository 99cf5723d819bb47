//! What other services may ask: the service `duet.v1.Matchmaker`. Each answer is of one moment.

use duet_proto::v1;
use duet_proto::v1::matchmaker_server::Matchmaker;
use tonic::{Request, Response, Status};

use super::paging::{Listing, Page};
use super::replica::Replica;
use super::{answers, names};

/// The service.
pub(crate) struct MatchmakerService {
    pub(crate) replica: Replica,
}

#[tonic::async_trait]
impl Matchmaker for MatchmakerService {
    async fn get_stats(&self, _: Request<v1::GetStatsRequest>) -> Result<Response<v1::Stats>, Status> {
        Ok(Response::new(self.replica.ask(answers::stats)))
    }

    async fn get_session(&self, request: Request<v1::GetSessionRequest>) -> Result<Response<v1::Session>, Status> {
        let client = names::session(&request.get_ref().name)?;
        let found = self
            .replica
            .ask(|machine, clock, _| machine.session(client).map(|session| answers::session(session, clock)));
        found.map(Response::new).ok_or_else(|| Status::not_found("no session has this name"))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let v1::ListSessionsRequest { page_size, page_token } = request.get_ref();
        let page = Page::asked(Listing::Sessions, *page_size, page_token)?;
        let (sessions, next_page_token) = self.replica.ask(|machine, clock, _| {
            let listed = machine.sessions_after(page.after);
            page.take(listed, |session| *session.client.as_bytes(), |session| answers::session(session, clock))
        });
        Ok(Response::new(v1::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn get_room(&self, request: Request<v1::GetRoomRequest>) -> Result<Response<v1::Room>, Status> {
        let id = names::room(&request.get_ref().name)?;
        let found = self.replica.ask(|machine, clock, _| machine.room(id).map(|room| answers::room(room, clock)));
        found.map(Response::new).ok_or_else(|| Status::not_found("no room has this name, or it is over"))
    }

    async fn list_rooms(
        &self,
        request: Request<v1::ListRoomsRequest>,
    ) -> Result<Response<v1::ListRoomsResponse>, Status> {
        let v1::ListRoomsRequest { page_size, page_token } = request.get_ref();
        let page = Page::asked(Listing::Rooms, *page_size, page_token)?;
        let (rooms, next_page_token) = self.replica.ask(|machine, clock, _| {
            let listed = machine.rooms_after(page.after);
            page.take(listed, |room| *room.id.as_bytes(), |room| answers::room(room, clock))
        });
        Ok(Response::new(v1::ListRoomsResponse { rooms, next_page_token }))
    }
}
