//! Nobody gets in without a token that the service made, and whoever needs none gets in without.
//!
//! What another user's good token may do is `user-isolation`; what becomes of a token with its time is `token-expiry`.

mod forged;

use super::super::steps::nonce;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};
use crate::memory_api::{Authorization, RawRequest, Route};

pub(super) const CRITERION: Criterion = Criterion {
    id: "authentication",
    area: Area::Security,
    promise: "Every protected endpoint refuses missing, malformed, tampered, unsigned and foreign tokens with 401 and does nothing; /health \
              and the login are open.",
    method: "Each bad token is tried on each of the three protected endpoints, with requests that succeed with a good token before and after. \
             A 403 is taken for a refusal and remarked. Then chat and queue are searched for what was refused.",
    needs: &[],
    estimate: |scene| scene.paced(95, 1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let chat = scene.chat(&user, evidence).await?;
    let token = user.client().token().await?;
    let forged = forged::all(token.expose(), scene.clock.now());
    if forged.iter().all(|forged| !forged.from_claims) {
        evidence.note("the service's tokens are no JWT, so that tokens made of their claims could not be tried");
    }
    let word = nonce();
    let (mut refused, mut tried, mut broken, mut forbidden) = (0_u64, 0_u64, Vec::new(), 0);
    for bad in &forged {
        for (endpoint, request) in endpoints(scene, &chat, &word) {
            let answer = scene.tried(&request.by(bad.authorization.clone()), &chat, evidence).await?;
            tried += 1;
            let ok = matches!(answer.status, 401 | 403);
            refused += u64::from(ok);
            forbidden += usize::from(answer.status == 403);
            let case = format!("{endpoint} with {}", bad.name);
            evidence.case(&case, "401", answer.status.to_string(), Some(ok));
            if !ok {
                broken.push(format!("{case} was answered with {}", answer.status));
            }
        }
        works(scene, &chat, evidence).await?;
    }
    evidence.share("requests with bad tokens refused", refused, tried, Some(1.0));
    if forbidden > 0 {
        evidence.note(format!("{forbidden} refusals were 403 where the contract has 401"));
    }
    broken.extend(open(scene, &chat, evidence).await?);
    if let Some(first) = broken.first() {
        return Ok(Finding::fail(format!(
            "{} of {tried} requests with bad tokens were not refused; {first}",
            broken.len()
        )));
    }
    let effect = match did_something(scene, &chat, &word).await? {
        Some(true) => return Ok(Finding::fail("an update was refused for its token and queued nevertheless")),
        Some(false) => "did nothing",
        None => "whether they did something only the database could tell",
    };
    Ok(Finding::pass(format!(
        "{refused} of {tried} requests with {} kinds of bad tokens were refused, and {effect}; /health and the login are \
         open",
        forged.len()
    )))
}

/// A request that would succeed with a good token, for each protected endpoint.
pub(super) fn endpoints(scene: &Scene, chat: &Chat, word: &str) -> [(&'static str, RawRequest); 3] {
    let update = serde_json::json!({
        "chat_id": chat.id,
        "context_snippet": format!("My shoe size is {word}."),
        "trigger_source": "test",
    });
    let conversation = serde_json::json!({ "metadata": scene.metadata() });
    [
        ("POST /conversations", RawRequest::post(Route::Conversations, conversation.to_string())),
        ("POST memory update", RawRequest::post(Route::MemoryUpdate, update.to_string())),
        ("GET memory", RawRequest::memory(&chat.id)),
    ]
}

/// The claims of a JSON Web Token; `None` of any other token.
pub(super) fn claims(token: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    forged::parts(token).map(|parts| parts.claims)
}

/// A good token works; otherwise the refusals of bad ones prove nothing.
async fn works(scene: &Scene, chat: &Chat, evidence: &mut Evidence) -> Result<(), Obstacle> {
    scene.memory(chat, evidence).await.map(|_| ()).map_err(|obstacle| {
        Obstacle::new(format!("a good token does not work either, so that refusals prove nothing: {obstacle}"))
    })
}

/// What of the open endpoints is not open, or lets in whom it should not; each a sentence.
async fn open(scene: &Scene, chat: &Chat, evidence: &mut Evidence) -> Result<Vec<String>, Obstacle> {
    let mut broken = Vec::new();
    let health =
        RawRequest { route: Route::Health, method: http::Method::GET, content_type: None, ..RawRequest::default() };
    let junk = Authorization::bearer("junk")?;
    let nobody = serde_json::json!({"email": "nobody@example.invalid", "password": nonce()}).to_string();
    for (name, request, expected) in [
        ("GET /health without a token", health.clone().by(Authorization::Missing), 200),
        ("GET /health with a bad token", health.by(junk), 200),
        ("login of somebody unknown", RawRequest::post(Route::Login, nobody).by(Authorization::Missing), 401),
    ] {
        let answer = scene.tried(&request, chat, evidence).await?;
        let ok = answer.status == expected || (expected == 401 && (400..500).contains(&answer.status));
        evidence.case(name, &expected.to_string(), answer.status.to_string(), Some(ok));
        if !ok {
            broken.push(format!("{name} was answered with {}", answer.status));
        }
    }
    if let Err(error) = chat.user.client().renew_login().await {
        // A fixed token cannot be renewed, and then the login is not ours to try.
        evidence.case("login of our user", "200", error.to_string(), None);
    } else {
        evidence.case("login of our user", "200", "200", Some(true));
    }
    Ok(broken)
}

/// Whether one of the refused updates is in the queue; nothing where the queue cannot be read.
async fn did_something(scene: &Scene, chat: &Chat, word: &str) -> Result<Option<bool>, Obstacle> {
    let Some(database) = &scene.database else { return Ok(None) };
    let texts = database.queued_texts(std::slice::from_ref(&chat.id)).await?;
    Ok(Some(texts.iter().any(|text| text.text.contains(word))))
}
