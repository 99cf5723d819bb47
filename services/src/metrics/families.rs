//! What there is to measure at one moment, before it is written for anybody: families of samples, told apart by labels.

use duet_proto::figures::Distribution;

/// Where families come from; asked anew for each reading.
pub(crate) type Source = Box<dyn Fn(&mut Families) + Send + Sync>;

/// One reading.
#[derive(Debug, Default)]
pub(crate) struct Families(pub(crate) Vec<Family>);

/// Samples of one name.
#[derive(Debug)]
pub(crate) struct Family {
    /// Without the `_total` of counters.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// May fall.
    Gauge,
    /// Only grows.
    Counter,
    /// Seconds, by buckets.
    Histogram,
}

/// A label's name and value.
pub(crate) type Label = (&'static str, String);

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Vec<Label>,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Number(f64),
    Distribution(Distribution),
}

impl Families {
    /// One number that may fall.
    pub(crate) fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<Number>) {
        self.gauges(name, help, [(Vec::new(), value)]);
    }

    /// Several of them.
    pub(crate) fn gauges<N: Into<Number>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Vec<Label>, N)>,
    ) {
        self.numbers(name, help, Kind::Gauge, samples);
    }

    /// One number that only grows.
    pub(crate) fn counter(&mut self, name: &'static str, help: &'static str, value: impl Into<Number>) {
        self.counters(name, help, [(Vec::new(), value)]);
    }

    /// Several of them.
    pub(crate) fn counters<N: Into<Number>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Vec<Label>, N)>,
    ) {
        self.numbers(name, help, Kind::Counter, samples);
    }

    /// Durations.
    pub(crate) fn histograms(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Vec<Label>, Distribution)>,
    ) {
        let sample = |(labels, distribution)| Sample { labels, value: Value::Distribution(distribution) };
        self.add(name, help, Kind::Histogram, samples.into_iter().map(sample).collect());
    }

    fn numbers<N: Into<Number>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        samples: impl IntoIterator<Item = (Vec<Label>, N)>,
    ) {
        let sample = |(labels, number): (Vec<Label>, N)| Sample { labels, value: Value::Number(number.into().0) };
        self.add(name, help, kind, samples.into_iter().map(sample).collect());
    }

    fn add(&mut self, name: &'static str, help: &'static str, kind: Kind, samples: Vec<Sample>) {
        self.0.push(Family { name, help, kind, samples });
    }
}

/// A number as metrics have it: whole ones are exact up to 2^53.
pub(crate) struct Number(f64);

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Number(number)
    }
}

impl From<u64> for Number {
    #[allow(clippy::cast_precision_loss, reason = "nothing is counted that often")]
    fn from(number: u64) -> Self {
        Number(number as f64)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Number::from(number as u64)
    }
}

impl From<bool> for Number {
    fn from(whether: bool) -> Self {
        Number(if whether { 1.0 } else { 0.0 })
    }
}

/// One label.
pub(crate) fn label(name: &'static str, value: impl Into<String>) -> Vec<Label> {
    vec![(name, value.into())]
}
