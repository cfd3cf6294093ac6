//! The plots of one run, as SVG.

use std::error::Error;

use plotters::prelude::*;

use super::PageError;
use crate::backtest::plant::float;
use crate::backtest::report::{Point, Report};

const WIDTH: u32 = 960;
/// More points than pixels show nothing more: neighbours are joined.
const POINTS_MAX: usize = 720;

const SERVED: RGBColor = RGBColor(158, 202, 233);
const UNMET: RGBColor = RGBColor(245, 133, 24);
const LINE: RGBColor = RGBColor(47, 102, 144);
const ASKED: RGBColor = RGBColor(187, 187, 187);
const GRID: RGBColor = RGBColor(234, 238, 242);

/// Some neighbouring points as one: their means, and the most that were asked for. What is unmet is what `served`, here without
/// what is late, lacks of the demand.
struct Joined {
    hours: f64,
    demand: f64,
    served: f64,
    capacity: f64,
    desired: f64,
    ready: f64,
}

fn joined(report: &Report) -> Vec<Joined> {
    let every = report.points.len().div_ceil(POINTS_MAX).max(1);
    let join = |points: &[Point]| {
        let mean = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / float(points.len() as u64);
        let at_ms = points.first().map_or(report.from_ms, |point| point.at_ms);
        Joined {
            hours: float(at_ms.saturating_sub(report.from_ms)) / 3.6e6,
            demand: mean(|point| point.demand),
            served: mean(|point| point.demand - point.unmet),
            capacity: mean(|point| point.capacity),
            desired: points.iter().map(|point| f64::from(point.desired)).fold(0.0, f64::max),
            ready: mean(|point| point.ready),
        }
    };
    report.points.chunks(every).map(join).collect()
}

/// Demand as an area, of which what is unmet shows, and the capacity as a line.
pub(super) fn demand(report: &Report) -> Result<String, PageError> {
    let points = joined(report);
    let most = points.iter().map(|point| point.demand.max(point.capacity)).fold(0.0, f64::max);
    draw(report, 250, most, "units per second", |chart| {
        let line = |of: fn(&Joined) -> f64| points.iter().map(move |point| (point.hours, of(point)));
        chart.draw_series(AreaSeries::new(line(|point| point.demand), 0.0, UNMET))?;
        chart.draw_series(AreaSeries::new(line(|point| point.served), 0.0, SERVED))?;
        chart.draw_series(LineSeries::new(line(|point| point.capacity), LINE.stroke_width(1)))?;
        Ok(())
    })
}

/// Replicas asked for, and those that serve.
pub(super) fn replicas(report: &Report) -> Result<String, PageError> {
    let points = joined(report);
    let most = points.iter().map(|point| point.desired.max(point.ready)).fold(0.0, f64::max);
    draw(report, 150, most, "replicas", |chart| {
        let line = |of: fn(&Joined) -> f64| points.iter().map(move |point| (point.hours, of(point)));
        chart.draw_series(LineSeries::new(line(|point| point.desired), ASKED.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(line(|point| point.ready), LINE.stroke_width(1)))?;
        Ok(())
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn draw(
    report: &Report,
    height: u32,
    most: f64,
    unit: &str,
    series: impl FnOnce(&mut Chart<'_, '_>) -> Result<(), Box<dyn Error>>,
) -> Result<String, PageError> {
    let hours = float(report.to_ms.saturating_sub(report.from_ms)) / 3.6e6;
    let mut svg = String::new();
    let drawn = || -> Result<(), Box<dyn Error>> {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let mut builder = ChartBuilder::on(&root);
        builder.margin(6).x_label_area_size(32).y_label_area_size(64);
        let mut chart = builder.build_cartesian_2d(0.0..hours.max(1e-6), 0.0..(most * 1.05).max(1e-6))?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT).bold_line_style(GRID).axis_style(ASKED).y_labels(5).x_labels(13);
        mesh.label_style(("sans-serif", 12)).axis_desc_style(("sans-serif", 12));
        mesh.x_desc("hours").y_desc(unit).draw()?;
        for (from, to) in absences(report) {
            chart.draw_series([Rectangle::new([(from, 0.0), (to, most * 1.05)], GRID.filled())])?;
        }
        series(&mut chart)?;
        root.present()?;
        Ok(())
    };
    drawn().map_err(|error| PageError { what: error.to_string() })?;
    Ok(svg)
}

/// Hours between which the readings were absent.
fn absences(report: &Report) -> Vec<(f64, f64)> {
    let hours = |at_ms: u64| float(at_ms.saturating_sub(report.from_ms)) / 3.6e6;
    let runs = report.points.chunk_by(|one, next| one.out == next.out);
    let ends = runs.filter_map(|run| Some((run.first().filter(|point| point.out)?.at_ms, run.last()?.at_ms)));
    ends.map(|(from_ms, to_ms)| (hours(from_ms), hours(to_ms.saturating_add(report.every_ms)))).collect()
}
