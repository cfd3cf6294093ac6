//! Readings that OpenTelemetry's exporters send: OTLP over HTTP, as protobuf.
//!
//! A metric is a reading's `query` or name; attributes of the data point, or else of the resource, name the target and the
//! instance. Gauges and cumulative sums are taken as they are, and delta sums add up where the reading is a rate.

mod weight;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, number_data_point};
use prost::Message as _;
use utoipa::ToSchema;

use self::weight::Heavy;
use super::Api;
use super::ask::Later;
use super::guard::Caller;
use super::problem::{Code, Problem};
use super::refusal::Refusal;
use super::targets::place;
use crate::access::Permission;
use crate::snapshot::TargetId;
use crate::sources::push::{PushConfig, PushedValue};
use crate::supervisor::{PushIndex, PushedReading};

/// Of a data point: it says that nothing was recorded.
const NO_RECORDED_VALUE: u32 = 1;
/// Most different reasons that are told.
const REASONS_MAX: usize = 5;
const MEDIA_TYPE: &str = "application/x-protobuf";

/// A message of protobuf. Only the document speaks of it.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a shape, never made")]
pub(super) struct Protobuf(Vec<u8>);

/// Takes in metrics as OpenTelemetry sends them: `ExportMetricsServiceRequest`, not compressed. What is refused is counted in
/// `partial_success`, with the first reasons.
#[utoipa::path(
    post, path = "/v1/otlp/metrics", tag = "readings",
    request_body(content = Protobuf, content_type = "application/x-protobuf"),
    responses((
        status = 200, body = Protobuf, content_type = "application/x-protobuf",
        description = "`ExportMetricsServiceResponse`"
    ))
)]
pub(super) async fn metrics(State(api): State<Api>, caller: Caller, later: Later) -> Result<Response, Problem> {
    let bytes = later.protobuf(&api).await?;
    weight::check(&bytes).map_err(|heavy| match heavy {
        Heavy::Malformed => malformed("it is cut off, or no ExportMetricsServiceRequest"),
        Heavy::TooMany { most } => {
            Problem::new(Code::REFUSED, format!("it holds more than {most} things"), "send smaller batches")
        }
    })?;
    let request = ExportMetricsServiceRequest::decode(bytes).map_err(|error| malformed(&error.to_string()))?;
    let mut taking = Taking::new(&api, &caller);
    for resource in &request.resource_metrics {
        let attributes = resource.resource.as_ref().map(|of| of.attributes.as_slice()).unwrap_or_default();
        let metrics = resource.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        let places = taking.places(attributes);
        metrics.for_each(|metric| taking.metric(metric, &places));
    }
    let answer = taking.answer();
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], answer.encode_to_vec()).into_response())
}

fn malformed(what: &str) -> Problem {
    Problem::new(Code::MALFORMED_PROTOBUF, what, "send an ExportMetricsServiceRequest of OTLP 1.x")
}

/// How the numbers of a metric are to be read.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// As they are.
    Value,
    /// By how much a counter grew.
    Growth,
}

/// What the attributes of a resource say for one source.
struct Whose<'a> {
    source: &'a str,
    config: &'a PushConfig,
    target: Option<String>,
    owner: Option<String>,
}

/// One request's data points.
struct Taking<'a> {
    api: &'a Api,
    caller: &'a Caller,
    index: PushIndex,
    targets: BTreeSet<TargetId>,
    rejected: i64,
    reasons: BTreeSet<String>,
}

impl<'a> Taking<'a> {
    fn new(api: &'a Api, caller: &'a Caller) -> Self {
        let index = api.steering().push_index();
        Self { api, caller, index, targets: BTreeSet::new(), rejected: 0, reasons: BTreeSet::new() }
    }

    /// What the attributes of a resource say, read once for all its points.
    fn places(&self, attributes: &[KeyValue]) -> Vec<Whose<'a>> {
        let of = |(source, push): (&'a str, &'a crate::sources::push::PushSource)| {
            let config = push.config();
            let target = attribute(attributes, &config.target_attribute);
            let owner = attribute(attributes, &config.instance_attribute);
            Whose { source, config, target, owner }
        };
        self.api.steering().push_sources().map(of).collect()
    }

    fn metric(&mut self, metric: &Metric, places: &[Whose<'_>]) {
        let (points, form) = match &metric.data {
            Some(Data::Gauge(gauge)) => (&gauge.data_points, Form::Value),
            Some(Data::Sum(sum)) => match (sum.aggregation_temporality(), sum.is_monotonic) {
                (AggregationTemporality::Cumulative, _) => (&sum.data_points, Form::Value),
                (AggregationTemporality::Delta, true) => (&sum.data_points, Form::Growth),
                (AggregationTemporality::Delta, false) => {
                    return self.reject(
                        sum.data_points.len(),
                        "delta sums that may fall have no known beginning: send them cumulative",
                    );
                }
                (AggregationTemporality::Unspecified, _) => {
                    return self.reject(sum.data_points.len(), "a sum that says neither delta nor cumulative");
                }
            },
            Some(Data::Histogram(data)) => return self.reject(data.data_points.len(), HISTOGRAMS),
            Some(Data::ExponentialHistogram(data)) => return self.reject(data.data_points.len(), HISTOGRAMS),
            Some(Data::Summary(data)) => return self.reject(data.data_points.len(), HISTOGRAMS),
            None => return,
        };
        for point in points.iter().filter(|point| point.flags & NO_RECORDED_VALUE == 0) {
            if let Err(refusal) = self.point(&metric.name, point, form, places) {
                self.reject(1, &refusal.sentence());
            }
        }
    }

    /// Gives a point to every source that has such a reading.
    fn point(
        &mut self,
        metric: &str,
        point: &NumberDataPoint,
        form: Form,
        places: &[Whose<'_>],
    ) -> Result<(), Refusal> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "readings are f64: whole numbers beyond 2^53 lose their last digits"
        )]
        let number = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            None => return Err(Refusal::new("wrong-shape", "a data point without a value", "leave it out")),
        };
        let value = match form {
            Form::Value => PushedValue::Number(number),
            Form::Growth => PushedValue::Growth(number),
        };
        let at_ms = Some(point.time_unix_nano / 1_000_000).filter(|at_ms| *at_ms > 0);
        let mut refusals = Vec::new();
        let mut taken = false;
        for whose in places {
            let given = |key: &str, of_resource: &Option<String>| {
                attribute(&point.attributes, key).or_else(|| of_resource.clone())
            };
            let target = given(&whose.config.target_attribute, &whose.target);
            let owner = given(&whose.config.instance_attribute, &whose.owner);
            let Some(target) = target else {
                let detail = format!("no attribute {:?} names the target", whose.config.target_attribute);
                let remedy = "add it to the resource or the data point";
                refusals.push(Refusal::new("no-target", detail, remedy));
                continue;
            };
            let (source, owner) = (Some(whose.source), owner.as_deref());
            let pushed = PushedReading { source, reading: metric, owner, at_ms, value, unit: None };
            match self.push(&target, &pushed) {
                Ok(()) => taken = true,
                Err(why) => refusals.push(why),
            }
        }
        if taken {
            return Ok(());
        }
        let nowhere = || Refusal::new("no-such-source", "no source takes readings", "add a [source.NAME.push]");
        // Most sources do not have it; what one of those says that have it is worth more.
        let telling = refusals.iter().position(|refusal| !refusal.is_of_another()).unwrap_or(0);
        Err(refusals.into_iter().nth(telling).unwrap_or_else(nowhere))
    }

    fn push(&mut self, target: &str, pushed: &PushedReading<'_>) -> Result<(), Refusal> {
        let id = target.parse::<TargetId>().ok();
        let unknown =
            || Refusal::new("no-such-target", format!("there is no target {target:?}"), "see GET /v1/targets");
        let view = id.and_then(|id| self.api.steering().target(&id)).ok_or_else(unknown)?;
        self.caller.permit(Permission::ReadingPush, &place(&view))?;
        if self.api.steering().push_reading(&mut self.index, &view, pushed)? {
            self.targets.insert(view.target.id.clone());
        }
        Ok(())
    }

    fn reject(&mut self, points: usize, why: &str) {
        self.rejected = self.rejected.saturating_add(i64::try_from(points).unwrap_or(i64::MAX));
        if points > 0 && self.reasons.len() < REASONS_MAX {
            self.reasons.insert(why.to_owned());
        }
    }

    /// Has the targets looked at, and says what was not taken.
    fn answer(self) -> ExportMetricsServiceResponse {
        self.api.steering().readings_came(self.targets);
        let error_message = self.reasons.into_iter().collect::<Vec<_>>().join("; ");
        let rejected_data_points = self.rejected;
        let partial_success = ExportMetricsPartialSuccess { rejected_data_points, error_message };
        ExportMetricsServiceResponse { partial_success: (rejected_data_points > 0).then_some(partial_success) }
    }
}

const HISTOGRAMS: &str = "histograms and summaries are no readings: send a gauge or a sum made of them";

/// What an attribute says, as a text.
fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
