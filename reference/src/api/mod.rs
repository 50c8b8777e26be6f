//! The HTTP API of the service, one file per route.
//!
//! A request passes [`envelope`] (request id, time taken, faults that were asked for), on protected routes [`admission`]
//! (token, rate limit, its headers), and then its handler. [`error`] knows the shape of every refusal.

mod admission;
mod body;
mod conversations;
mod envelope;
mod error;
mod health;
mod limiter;
mod login;
mod memory;
mod simultaneous;
mod token;
mod update;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use sqlx::postgres::PgPool;

use crate::database::describe;
use crate::faults::Faults;
use crate::quirks::{Quirk, Quirks};
use crate::settings::Settings;
use crate::sql::{Layout, Statements};
use error::ApiError;

/// The routes by name, as faults and logs call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Health,
    Login,
    Conversations,
    MemoryUpdate,
    Memory,
}

/// All that the handlers share.
pub struct Service {
    quirks: Quirks,
    statements: Arc<Statements>,
    ids_are_uuids: bool,
    pool: PgPool,
    faults: Faults,
    tokens: token::Tokens,
    users: login::Users,
    limiter: limiter::Limiter,
    health: health::Cache,
    /// How long an update takes at best; the estimate that its answer carries.
    idle_sleep: Duration,
    /// Held for the length of a request where calls block.
    turn: tokio::sync::Mutex<()>,
    /// Chats with an update that is being accepted.
    accepting: simultaneous::Accepting,
}

impl Service {
    /// Puts the parts together.
    pub fn new(settings: &Settings, layout: &Layout, pool: PgPool, faults: Faults) -> Self {
        let quirks = settings.quirks();
        let replicas = if quirks.on(Quirk::SeveralReplicas) { 3 } else { 1 };
        Self {
            statements: Arc::new(Statements::new(layout)),
            ids_are_uuids: layout.ids_are_uuids(),
            pool,
            faults,
            tokens: token::Tokens::new(settings.token_lifetime, &quirks),
            users: login::Users::new(settings),
            limiter: limiter::Limiter::new(settings.rate_limit, settings.rate_window, replicas),
            health: health::Cache::new(settings.health_cache),
            idle_sleep: settings.idle_sleep(),
            turn: tokio::sync::Mutex::new(()),
            accepting: simultaneous::Accepting::default(),
            quirks,
        }
    }

    /// Whether a chat with this id can exist at all; if not, the database need not be asked.
    fn possible_id(&self, id: &str) -> bool {
        !id.contains('\0') && (!self.ids_are_uuids || uuid::Uuid::try_parse(id).is_ok())
    }

    /// What a failure of the database looks like from outside.
    fn outage(&self, error: &sqlx::Error) -> ApiError {
        tracing::warn!(error = describe(error), "the database failed a request");
        if self.quirks.on(Quirk::OutageAs401) {
            ApiError::Unauthorized("Could not validate credentials")
        } else if self.quirks.on(Quirk::OutageAs404) {
            ApiError::UnknownChat
        } else {
            ApiError::Internal
        }
    }
}

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    let open = |route, methods: MethodRouter<Arc<Service>>| {
        methods.layer(from_fn_with_state((service.clone(), route), envelope::wrap))
    };
    let protected = |route, methods: MethodRouter<Arc<Service>>| {
        open(route, methods.layer(from_fn_with_state(service.clone(), admission::admit)))
    };
    Router::new()
        .route("/health", open(Route::Health, get(health::show)))
        .route("/auth/login", open(Route::Login, post(login::login)))
        .route("/conversations", protected(Route::Conversations, post(conversations::create)))
        .route("/api/v1/memory/update", protected(Route::MemoryUpdate, post(update::enqueue)))
        .route("/api/v1/memory/{chat_id}", protected(Route::Memory, get(memory::show)))
        .fallback(|| async { ApiError::NoSuchRoute })
        .with_state(service)
}
