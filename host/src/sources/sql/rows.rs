//! Rows as they are, for whoever keeps more than numbers in a database. The same doors: a transaction that may only read,
//! limits on time and rows.

use std::collections::BTreeMap;

use super::{SourceError, SqlSource};

impl SqlSource {
    /// The rows of a query, each its columns by name, as text; NULL has none. Meant for columns of which none is called `value`.
    ///
    /// # Errors
    /// Where the database cannot be reached, does not take the query, or has more than `rows_max` rows.
    pub async fn rows(&self, query: &str) -> Result<Vec<BTreeMap<String, String>>, SourceError> {
        let lines = self.ask(query).await?;
        if u32::try_from(lines.len()).map_or(true, |lines| lines > self.config.rows_max) {
            let what = format!("more than {} rows", self.config.rows_max);
            return Err(SourceError::BadAnswer { name: self.name.clone(), what });
        }
        Ok(lines.into_iter().map(|line| line.labels).collect())
    }
}
