//! Figures for people, as Markdown tables.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::report::{Bucket, Figures, Rate, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.policies_table())?;
        writeln!(
            f,
            "Duet with the patience that reaches a batch's share of shared tags:\n\n{}\n",
            self.equal_share_table()
        )?;
        writeln!(
            f,
            "Tickets by the rank of their commonest tag; half waited less, one in a hundred more:\n\n{}",
            self.rarity_table()
        )
    }
}

impl Report {
    fn policies_table(&self) -> Table {
        let mut heads = vec!["", "matches", "mean", "p50", "p90", "p99", "max", "by tag", "inversions", "rematches"];
        heads.extend(["above 50", "left over", "overdue"]);
        let mut table = table(heads);
        for figures in &self.policies {
            let mut row = waits_row(figures.policy.clone(), figures);
            row.insert(1, figures.matches.to_string());
            row.extend([figures.inversions, figures.rematches, figures.rematches_in_crowds].map(rate));
            row.extend([figures.waiting_at_end, figures.overdue_at_end].map(|count| count.to_string()));
            table.add_row(row);
        }
        table
    }

    fn equal_share_table(&self) -> Table {
        let mut table = table(vec!["", "mean", "p50", "p90", "p99", "max", "by tag"]);
        for equal in &self.equal_share {
            if let Some(batch) = self.policies.iter().find(|figures| figures.policy == equal.batch) {
                table.add_row(waits_row(batch.policy.clone(), batch));
            }
            let name = match equal.patience_s {
                Some(patience) => format!("duet, {patience:.2} s"),
                None => "duet, never".to_owned(),
            };
            table.add_row(waits_row(name, &equal.duet));
        }
        table
    }

    fn rarity_table(&self) -> Table {
        let mut heads = vec!["".to_owned(), "tickets".to_owned()];
        heads.extend(self.policies.iter().flat_map(|figures| [figures.policy.clone(), "by tag".to_owned()]));
        let mut table = table(heads);
        let buckets = self.policies.first().map_or(&[][..], |figures| &figures.by_rarity);
        for (index, bucket) in buckets.iter().enumerate() {
            let mut row = vec![bucket.name(), bucket.tickets.to_string()];
            row.extend(self.policies.iter().flat_map(|figures| {
                let Bucket { waits, by_tag, .. } = &figures.by_rarity[index];
                [format!("{}, {}", seconds(waits.p50), seconds(waits.p99)), percent(*by_tag)]
            }));
            table.add_row(row);
        }
        table
    }
}

impl Bucket {
    /// The ranks, for people.
    pub(crate) fn name(&self) -> String {
        match self.ranks {
            None => "untagged".to_owned(),
            Some((from, to)) if from == to => from.to_string(),
            Some((from, to)) => format!("{from}–{to}"),
        }
    }
}

fn table<T: Into<String>>(heads: Vec<T>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads.into_iter().map(Into::into).collect::<Vec<String>>());
    table
}

fn waits_row(name: String, figures: &Figures) -> Vec<String> {
    let waits = figures.waits;
    let mut row = vec![name];
    row.extend([waits.mean, waits.p50, waits.p90, waits.p99, waits.max].map(seconds));
    row.push(percent(figures.tagged_by_tag.share()));
    row
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Small rates need their counts.
fn rate(rate: Rate) -> String {
    format!("{} ({:.2} %)", rate.count, rate.share() * 100.0)
}
