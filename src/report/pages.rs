//! Reads `status` and `list` in two pages, the newest sessions first and then all of them, so that a screen can show rows while the
//! remaining transcripts are read.

use super::inventory::{Inventory, ReportContext};
use super::list::{ListReport, list_of};
use super::status::{StatusReport, asked, status_of};
use crate::error::Result;
use crate::session::summary::Depth;
use crate::world::World;
use std::cmp::Reverse;
use std::path::Path;

/// Number of sessions on the first page, more than fit on a screen.
const FIRST_PAGE: usize = 60;

/// Status and list of the same sessions.
#[derive(Debug)]
pub struct SessionPage {
    pub status: StatusReport,
    pub list: ListReport,
    /// Whether this page contains every session. An incomplete page may show a session in a different group
    /// than the complete one.
    pub complete: bool,
}

/// Reads the sessions of a project, or all. With `quick`, delivers a page of the newest sessions first.
///
/// # Errors
///
/// Returns [`crate::error::Code::ProjectNotFound`] when the directory
/// does not exist, [`crate::error::Code::StateDirUnknown`].
pub fn read_pages(
    world: World<'_>,
    project: Option<&Path>,
    quick: bool,
    page: &mut dyn FnMut(SessionPage),
) -> Result<()> {
    let asked = project.map(|dir| asked(world, dir)).transpose()?;
    let project = asked.as_ref().map(|asked| asked.dir.clone());
    let ground = ReportContext::read(world, project.as_deref())?;
    let mut made = |inventory: &Inventory<'_>, complete| {
        page(SessionPage {
            status: status_of(inventory, &ground, asked.clone()),
            list: list_of(inventory, &ground, asked.clone()),
            complete,
        });
    };
    // Which sessions belong to a project is known only from their transcripts, so a project has no quick first page.
    if quick && project.is_none() {
        let mut inventory = Inventory::open(&ground);
        let mut found = inventory.find(None);
        if found.len() > FIRST_PAGE {
            found.sort_by_cached_key(|one| {
                Reverse(std::fs::symlink_metadata(&one.path).and_then(|meta| meta.modified()).ok())
            });
            found.truncate(FIRST_PAGE);
            inventory.read(found, Depth::Row)?;
            made(&inventory, false);
        }
    }
    made(&Inventory::take(&ground, project.as_deref())?, true);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::process::SystemProcesses;
    use crate::clock::SystemClock;
    use crate::env::Environment;
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_first_page_has_the_newest_sessions_and_the_second_has_all() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join(".claude/projects/-work");
        std::fs::create_dir_all(&project).unwrap();
        for number in 0..FIRST_PAGE as u64 + 5 {
            let id = format!("{number:08}-0000-4000-8000-000000000000");
            let path = project.join(format!("{id}.jsonl"));
            let line = serde_json::json!({"type": "user", "uuid": "u", "sessionId": id, "cwd": "/work",
                "timestamp": "2026-01-01T00:00:00.000Z", "message": {"role": "user", "content": "go"}});
            std::fs::write(&path, format!("{line}\n")).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number)).unwrap();
        }
        let env = Environment::from_pairs(
            [
                ("HOME", dir.path().as_os_str()),
                ("CC_RECOVER_STATE_DIR", dir.path().join("state").as_os_str()),
            ],
            dir.path(),
        );
        let world = World {
            env: &env,
            clock: &SystemClock,
            processes: &SystemProcesses,
            abort: &crate::abort::NEVER,
        };
        let mut pages = Vec::new();
        read_pages(world, None, true, &mut |page| pages.push(page)).unwrap();
        let [first, all] = pages.as_slice() else { panic!("{} pages", pages.len()) };
        assert_eq!((first.list.sessions.len(), first.complete), (FIRST_PAGE, false));
        assert!(
            first.list.sessions.iter().all(|one| !one.id.starts_with("00000000")),
            "the oldest is not of them"
        );
        assert_eq!((all.list.sessions.len(), all.complete), (FIRST_PAGE + 5, true));
        pages.clear();
        read_pages(world, None, false, &mut |page| pages.push(page)).unwrap();
        assert_eq!(pages.len(), 1);
    }
}
