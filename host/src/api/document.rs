//! The OpenAPI document: what the handlers say of themselves, and what the route table says of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::PartialSchema as _;
use utoipa::ToSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Components, ObjectBuilder, Ref, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, RefOr, ResponseBuilder};

use super::Api;
use super::problem::{PROBLEM_JSON, ProblemBody};
use super::rules::{Needs, RULES, Rule};

/// Name of the way to prove who asks.
const BEARER: &str = "bearer";

/// The route that serves the document.
pub(super) fn serve(document: OpenApi) -> Router<Api> {
    let text: Arc<str> = whole(document).to_json().unwrap_or_default().into();
    let answer = async move || ([(header::CONTENT_TYPE, "application/json")], text.to_string());
    Router::new().route("/openapi.json", get(answer))
}

/// The document with what all routes have in common.
pub(super) fn whole(mut document: OpenApi) -> OpenApi {
    document.info.title = "Trimtab".to_owned();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document.info.description = Some(
        "A running host of scaling policies. Times are milliseconds since the Unix epoch. Every \"no\" is a problem of RFC \
         9457 whose `code` never changes its meaning."
            .to_owned(),
    );
    let components = document.components.get_or_insert_with(Components::default);
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(bearer).into());
    for rule in RULES {
        if let Some(operation) = document.paths.paths.get_mut(rule.path).and_then(|item| operation(item, rule)) {
            complete(operation, rule);
        }
    }
    document
}

fn operation<'a>(item: &'a mut PathItem, rule: &Rule) -> Option<&'a mut Operation> {
    let operation = match rule.method.as_str() {
        "GET" => &mut item.get,
        "POST" => &mut item.post,
        "PUT" => &mut item.put,
        "DELETE" => &mut item.delete,
        _ => return None,
    };
    operation.as_mut()
}

fn complete(operation: &mut Operation, rule: &Rule) {
    let needs = match rule.needs {
        Needs::Nothing => "Needs no token.".to_owned(),
        Needs::ForHost(permission) => {
            format!("Needs `{permission}`: role {} or above, for the whole host.", permission.least_role())
        }
        Needs::ForEach(permission) => {
            let role = permission.least_role();
            format!("Needs `{permission}`: role {role} or above, for what is shown or changed.")
        }
    };
    operation.description = Some(match operation.description.take() {
        Some(text) if !text.is_empty() => format!("{text}\n\n{needs}"),
        _ => needs,
    });
    operation.security = Some(match rule.needs {
        Needs::Nothing => Vec::new(),
        _ => vec![SecurityRequirement::new(BEARER, Vec::<String>::new())],
    });
    // What stands in a path is text where its handler says nothing else.
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.schema.is_none()
        {
            parameter.schema = Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into());
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in rule.all_problems() {
        let codes = by_status.entry(code.status.as_u16()).or_default();
        if !codes.contains(&code.word) {
            codes.push(code.word);
        }
    }
    for (status, codes) in by_status {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
        let response = ResponseBuilder::new()
            .description(format!("Problem: {}", codes.join(", ")))
            .content(PROBLEM_JSON, content)
            .build();
        // What a handler said of this status itself, such as of a host that is not ready, stands beside it.
        let responses = &mut operation.responses.responses;
        match responses.get_mut(&status.to_string()) {
            Some(RefOr::T(said)) => said.content.extend(response.content),
            _ => drop(responses.insert(status.to_string(), response.into())),
        }
    }
}
