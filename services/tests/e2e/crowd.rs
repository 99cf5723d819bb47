//! Many clients at once: all pair, each exactly once, and talk only to their partner.

use std::collections::{HashMap, HashSet};

use crate::client::Client;
use crate::process::{Deployment, SHAPES};

const CROWD: usize = 1000;

#[tokio::test]
async fn a_thousand_clients_all_pair_exactly_once() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CROWD {
            let gateway = duet.gateway.clone();
            tasks.spawn(async move {
                let mut client = Client::connect(&gateway).await;
                client.available().await;
                let mut message = client.hear().await;
                if message["type"] == "waiting" {
                    message = client.hear().await;
                }
                assert_eq!(message["type"], "matched", "{message}");
                client.say(&format!(r#"{{"type":"ice","candidate":"{}"}}"#, client.id)).await;
                let heard = client.expect("ice").await;
                assert_eq!(heard["from"], message["partnerId"]);
                assert_eq!(heard["candidate"], message["partnerId"]);
                (client, message)
            });
        }
        let met = tasks.join_all().await;

        let partners: HashMap<&str, &str> =
            met.iter().map(|(client, message)| (&*client.id, message["partnerId"].as_str().unwrap())).collect();
        assert_eq!(partners.len(), CROWD);
        assert!(partners.iter().all(|(one, other)| one != other && partners[other] == *one));
        let rooms: HashSet<&str> = met.iter().map(|(_, message)| message["roomId"].as_str().unwrap()).collect();
        assert_eq!(rooms.len(), CROWD / 2);
        let initiators = met.iter().filter(|(_, message)| message["initiator"] == true).count();
        assert_eq!(initiators, CROWD / 2);
    }
}
