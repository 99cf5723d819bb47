//! Figures as SVG.

use std::error::Error;
use std::io;
use std::path::Path;

use plotters::prelude::*;

use crate::compare::{Results, median};
use crate::figures::Figures;

/// Runs of one server: how latency rises with the percentile or, where there are several runs, CPU time from run to run.
pub(crate) fn runs(path: &Path, runs: &[(String, Figures)]) -> io::Result<()> {
    draw(path, |area| match runs {
        [(name, figures)] => latency(area, name, figures),
        _ => growth(area, runs),
    })
}

/// Servers side by side: a panel for each kind of work, a bar for each server.
pub(crate) fn comparison(path: &Path, servers: &[&str], all: &[Results]) -> io::Result<()> {
    draw(path, |area| {
        let panels = area.split_evenly((all.len().div_ceil(COLUMNS), COLUMNS.min(all.len())));
        for (panel, results) in panels.iter().zip(all) {
            bars(panel, servers, results)?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn Error>>;

fn draw(path: &Path, content: impl FnOnce(&Area<'_>) -> Drawn) -> io::Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(Box::from).and_then(|()| content(&area));
    drawn.and_then(|()| area.present().map_err(Box::from)).map_err(|error| io::Error::other(error.to_string()))
}

fn latency(area: &Area<'_>, name: &str, figures: &Figures) -> Drawn {
    let Some(latency) = &figures.latency else { return Ok(()) };
    // By the nines: 90 %, 99 %, 99.9 % are evenly spaced.
    let points: Vec<(f64, f64)> = latency.curve.iter().map(|(at, time)| (-(1.0 - at / 100.0).log10(), *time)).collect();
    let last = points.last().map_or(1.0, |point| point.0);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{name}: latency by percentile"), ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..last, 0.0..latency.max.min(points.last().map_or(1.0, |point| point.1)) * 1.05)?;
    chart
        .configure_mesh()
        .x_desc("percentile")
        .y_desc("µs")
        .x_label_formatter(&|nines| {
            format!("{:.6}", 100.0 * (1.0 - 10_f64.powf(-nines))).trim_end_matches(['0', '.']).to_owned()
        })
        .draw()?;
    chart.draw_series(LineSeries::new(points, BLUE.stroke_width(2)))?;
    Ok(())
}

fn growth(area: &Area<'_>, runs: &[(String, Figures)]) -> Drawn {
    let all = |of: fn(&Figures) -> f64| -> Vec<(f64, f64)> {
        runs.iter().map(|(name, figures)| (name.parse().unwrap_or_default(), of(figures))).collect()
    };
    let (total, user) = (all(|figures| figures.cpu_us), all(|figures| figures.user_us));
    let most = total.iter().map(|point| point.1).fold(1.0, f64::max);
    let widest = total.iter().map(|point| point.0).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("CPU time a message, by connections", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..widest, 0.0..most * 1.1)?;
    chart.configure_mesh().x_desc("connections").y_desc("µs").draw()?;
    for (points, color, name) in [(total, BLUE, "in all"), (user, RED, "outside the kernel")] {
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(4))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(())
}

/// Drawn by hand: bars with their names before and their numbers behind them.
fn bars(area: &Area<'_>, servers: &[&str], results: &Results) -> Drawn {
    let value = |server: &str| {
        let runs = results.runs.get(server)?;
        Some(median(runs.iter().map(|figures: &Figures| figures.bytes.unwrap_or(figures.cpu_us))))
    };
    let bars: Vec<(&str, f64)> = servers.iter().filter_map(|server| Some((*server, value(server)?))).collect();
    // One far out would leave the others too small to compare: its bar is cut, and its number tells.
    let most = bars.iter().map(|bar| bar.1).fold(0.0, f64::max).min(4.0 * median(bars.iter().map(|bar| bar.1)));
    let unit = if results.runs.values().flatten().any(|figures| figures.bytes.is_some()) { "bytes" } else { "µs" };
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK.mix(0.8));
    area.draw(&Text::new(format!("{}, {unit}", results.work), (12, 10), text(17)))?;
    let room = f64::from(area.dim_in_pixel().0) - f64::from(BAR_START) - 60.0;
    for (row, (server, value)) in (0..).zip(bars) {
        let top = 38 + row * BAR_STEP;
        let end = BAR_START + (value.min(most) / most * room) as i32;
        let color = if server.starts_with("duet") { BLUE.mix(0.75) } else { BLACK.mix(0.3) };
        area.draw(&Text::new(server.to_owned(), (12, top + 2), text(13)))?;
        area.draw(&Rectangle::new([(BAR_START, top), (end, top + BAR_STEP - 5)], color.filled()))?;
        let shown = if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        area.draw(&Text::new(shown, (end + 5, top + 2), text(13)))?;
    }
    Ok(())
}

const SIZE: (u32, u32) = (1100, 960);
const COLUMNS: usize = 3;
const BAR_START: i32 = 120;
const BAR_STEP: i32 = 22;
