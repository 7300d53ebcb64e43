//! `sweep`: trains learning rates, seeds and folds at once, ranks the rates, and saves the best model.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use shaderprop::{DeviceKind, Engine, Member, Parts, Save, Sweep, SweepLog};

use crate::options::{self, OnEngine, Opened, Place, StepSize};
use crate::progress::SweepProgress;
use crate::recipe::{self, How, Task, metric};
use crate::split;
use crate::table::What;
use crate::talk::{self, Failure, Talk};

/// Compares learning rates by cross-validation, training every rate with every seed and fold at once
///
/// Scales and categories are learned from all rows. --out saves the network that was trained on all rows with the best rate.
///
/// Example:
///   shaderprop sweep examples/iris/iris.csv --learning-rates 0.001,0.01,0.1 --hidden 16
#[derive(Args)]
#[command(verbatim_doc_comment, allow_negative_numbers = true)]
pub struct Options {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    how: How,
    /// The learning rates to compare
    #[arg(long, value_name = "RATES", value_delimiter = ',', value_parser = options::not_negative, default_value = "0.0003,0.001,0.003,0.01,0.03", help_heading = "Sweep")]
    learning_rates: Vec<f64>,
    /// The number of seeds per rate, starting with --seed
    #[arg(long, value_name = "COUNT", value_parser = options::at_least_one, default_value = "1", help_heading = "Sweep")]
    seeds: usize,
    /// The number of folds; each is held out once while the network is trained on the others, or with --split-time on the earlier ones
    #[arg(long, value_name = "COUNT", value_parser = options::at_least_one, default_value = "5", help_heading = "Sweep")]
    folds: usize,
    #[command(flatten)]
    engine: OnEngine,
    /// Save the best model: .safetensors, .npz, .onnx, .json or .c
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    out: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long, help_heading = "Files")]
    force: bool,
    /// Print one JSON object per learning rate, best first, instead of a table
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print only errors to stderr
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// The results of one learning rate.
struct Ranked {
    rate: f64,
    /// The metric of each network on the fold that it was not trained on.
    scores: Vec<f64>,
    /// The sum of the losses on these folds.
    loss: f64,
    diverged: usize,
    /// The member that was trained on all rows, with the first seed.
    whole: usize,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    options.engine.choice()?;
    if options.folds < 2 {
        return Err(Failure::Arguments("--folds: expected at least 2, got 1".into()));
    }
    options::check_places([Place::of_model("--out", options.out.as_ref())], options.force)?;
    let learned = options.what.read(talk)?;
    let task = learned.target.task;
    let table = &learned.table;
    let preprocessing = learned.fit(table, talk)?;
    let data = preprocessing.transform(table)?;
    let folds = split::folds(table, &learned.target, learned.by.as_ref(), options.folds, (options.how.seed, talk))?;
    let network = options.how.network(&options.how.hidden.0, 0.0, &preprocessing);
    let rows_trained = table.rows() - table.rows() / options.folds;
    let fit = options.how.settings(task, &preprocessing, rows_trained)?.engine(options.engine.engine());
    let count = options.learning_rates.len() * options.seeds * (options.folds + 1);
    let size = recipe::size(&network, options.how.batch(rows_trained));
    let all = StepSize { multiply_adds: size.multiply_adds.saturating_mul(count), ..size };
    let device = options.engine.open_adapter(all)?;
    let mut opened = Opened { device, by_size: false };
    let mut sweep = Sweep::new(&opened.device, &network, options.members(&folds))?;
    let mut engine = sweep.engine(&fit, table.rows())?;
    // The fused engine trains all networks at once, which is faster on a software driver too. The other engines train
    // one after another.
    if engine.engine == Engine::Staged && opened.device.info().kind == DeviceKind::Software {
        let other = options.engine.open(size)?;
        if other.by_size {
            opened = other;
            sweep = Sweep::new(&opened.device, &network, options.members(&folds))?;
            engine = sweep.engine(&fit, table.rows())?;
        }
    }
    talk.opened(&opened);
    talk.say(format!(
        "{} networks: {} learning rates, {} seeds, {} folds plus all rows; engine: {engine}",
        sweep.len(),
        options.learning_rates.len(),
        options.seeds,
        options.folds
    ));
    if let Some(path) = &options.out {
        let model = sweep.model(0)?.with_preprocessing(preprocessing.clone())?;
        model.check_save(path, &Save::new().overwrite(options.force))?;
    }
    let begun = Instant::now();
    let mut progress = SweepProgress::new(talk);
    let history = sweep.fit_with(&data.inputs, &data.targets, &fit, |log: &SweepLog| progress.show(log))?;
    drop(progress);
    talk.say(format!("trained in {:.2} s", begun.elapsed().as_secs_f64()));

    let mut ranked = Vec::new();
    let loss =
        if task == Task::Classify { shaderprop::Loss::CategoricalCrossEntropy } else { shaderprop::Loss::MeanSquaredError };
    for (i, rate) in options.learning_rates.iter().enumerate() {
        let mut rank =
            Ranked { rate: *rate, scores: Vec::new(), loss: 0.0, diverged: 0, whole: options.place(i, 0, options.folds) };
        for seed in 0..options.seeds {
            for (fold, parts) in folds.iter().enumerate() {
                let member = options.place(i, seed, fold);
                if history.members[member].diverged {
                    rank.diverged += 1;
                    continue;
                }
                let model = sweep.model(member)?.with_preprocessing(preprocessing.clone())?;
                let evaluation = model.evaluate(data.inputs.select(&parts.test), data.targets.select(&parts.test), loss)?;
                rank.scores.push(evaluation.metric(metric(task)));
                rank.loss += evaluation.loss;
            }
        }
        ranked.push(rank);
    }
    // Rates without divergence first, then by accuracy (descending) or error (ascending), then by loss.
    let key = |rank: &Ranked| {
        let (mean, _) = rank.mean_and_deviation();
        (if task == Task::Classify { -mean } else { mean }, rank.loss)
    };
    ranked.sort_by(|a, b| {
        let ((mean, loss), (other_mean, other_loss)) = (key(a), key(b));
        a.diverged.cmp(&b.diverged).then(mean.total_cmp(&other_mean)).then(loss.total_cmp(&other_loss))
    });
    options.print(&ranked, task)?;
    if let (Some(path), Some(best)) = (&options.out, ranked.first()) {
        if best.diverged > 0 || history.members[best.whole].diverged {
            return Err(Failure::Run(format!(
                "--out {}: not saved, because a network with the best rate {} diverged; give lower --learning-rates",
                path.display(),
                best.rate
            )));
        }
        let mut model = sweep.model(best.whole)?.with_preprocessing(preprocessing)?;
        let (mean, deviation) = best.mean_and_deviation();
        model.note("learning_rate", best.rate.to_string());
        if let Some(by) = &learned.by {
            model.note("split", by.named());
        }
        if opened.by_size {
            model.note("device chosen by", options::BY_SIZE);
        }
        model.note("chosen by", format!("{} of {mean} ± {deviation} over {} networks", metric(task).name(), best.scores.len()));
        model.save(path, &Save::new().overwrite(options.force))?;
        talk.say(format!("saved: {}, trained on all rows with learning rate {}", path.display(), best.rate));
    }
    Ok(())
}

impl Options {
    /// A member's index. After the folds of each seed comes the member that is trained on all rows.
    fn place(&self, rate: usize, seed: usize, fold: usize) -> usize {
        (rate * self.seeds + seed) * (self.folds + 1) + fold
    }

    fn members(&self, folds: &[Parts]) -> Vec<Member> {
        let rows: Vec<std::sync::Arc<[usize]>> = folds.iter().map(|parts| parts.train.as_slice().into()).collect();
        let mut members = Vec::new();
        for rate in &self.learning_rates {
            for seed in 0..self.seeds as u64 {
                let member = || Member::new(self.how.init(self.how.seed.wrapping_add(seed))).learning_rate(*rate);
                members.extend(rows.iter().map(|rows| member().rows(rows.clone())));
                members.push(member());
            }
        }
        members
    }

    fn print(&self, ranked: &[Ranked], task: Task) -> Result<(), Failure> {
        let name = metric(task).name();
        if !self.json {
            talk::print(&format!("rank  learning rate  {} on held-out rows", crate::progress::spaced(&name)))?;
        }
        for (i, rank) in ranked.iter().enumerate() {
            let (mean, deviation) = rank.mean_and_deviation();
            if self.json {
                let object = json!({"rank": i + 1, "learning_rate": rank.rate, "metric": name, "mean": mean, "deviation": deviation,
                    "scores": rank.scores, "diverged": rank.diverged});
                talk::print(&object.to_string())?;
                continue;
            }
            let diverged = if rank.diverged > 0 { format!(", {} diverged", rank.diverged) } else { String::new() };
            let reached = if rank.scores.is_empty() {
                "none".into()
            } else {
                format!("{mean:.4} ± {deviation:.4} over {} networks", rank.scores.len())
            };
            talk::print(&format!("{:>4}  {:>13}  {reached}{diverged}", i + 1, rank.rate))?;
        }
        Ok(())
    }
}

impl Ranked {
    /// The mean and the sample standard deviation, which is 0 for one score.
    fn mean_and_deviation(&self) -> (f64, f64) {
        let count = self.scores.len() as f64;
        let mean = self.scores.iter().sum::<f64>() / count;
        let squares: f64 = self.scores.iter().map(|score| (score - mean) * (score - mean)).sum();
        (mean, if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
    }
}
