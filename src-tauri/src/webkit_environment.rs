//! WebKitGTK shows a blank window, flickers or dies on some machines unless an environment variable is set before it
//! starts. Which ones, is decided here from facts, and only here. A variable the user has set wins.

/// What decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    /// The proprietary NVIDIA driver is loaded.
    nvidia: bool,
    /// A graphics device exists (`/dev/dri`).
    graphics_device: bool,
    /// The session is Wayland.
    wayland: bool,
    /// The program runs from an AppImage, which brings libraries of another age than the system's.
    appimage: bool,
}

/// The variables to set, with the reason for each.
fn decide(facts: &Facts, set_by_user: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let mut variables = Vec::new();
    // WebKitGTK's DMA-BUF renderer draws nothing with NVIDIA's driver, and has nothing to draw with without a device.
    if facts.nvidia || !facts.graphics_device {
        variables.push(("WEBKIT_DISABLE_DMABUF_RENDERER", "1"));
    }
    // NVIDIA's explicit sync ends the Wayland connection with a protocol error.
    if facts.nvidia && facts.wayland {
        variables.push(("__NV_DISABLE_EXPLICIT_SYNC", "1"));
    }
    // The AppImage's own libwayland does not fit the system's EGL.
    if facts.appimage && facts.wayland {
        variables.push(("GDK_BACKEND", "x11"));
    }
    variables.retain(|(name, _)| !set_by_user(name));
    variables
}

/// Sets what this machine needs by starting the program anew in place, as the environment of a running process cannot be
/// changed soundly. Does nothing when nothing is needed or on other systems than Linux.
#[cfg(target_os = "linux")]
pub(crate) fn apply() {
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::Command;

    let is_set = |name: &str| std::env::var_os(name).is_some();
    let facts = Facts {
        nvidia: Path::new("/proc/driver/nvidia/version").exists(),
        graphics_device: Path::new("/dev/dri").exists(),
        wayland: is_set("WAYLAND_DISPLAY"),
        appimage: is_set("APPIMAGE"),
    };
    let variables = decide(&facts, is_set);
    if variables.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    // Everything decided is set for the new process, so it decides nothing and comes here no second time.
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(variables)
        .exec();
    eprintln!("going on without the display workarounds: {error}");
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn apply() {
    let _ = decide(&Facts::default(), |_| true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_gets_what_it_needs_and_no_more() {
        let check = |facts: Facts, user: &[&str], expected: &[&str]| {
            let names: Vec<_> = decide(&facts, |name| user.contains(&name))
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(names, expected, "{facts:?}, set by the user: {user:?}");
        };
        let usual = Facts {
            graphics_device: true,
            ..Facts::default()
        };
        check(usual.clone(), &[], &[]);
        check(
            Facts {
                wayland: true,
                ..usual.clone()
            },
            &[],
            &[],
        );
        check(Facts::default(), &[], &["WEBKIT_DISABLE_DMABUF_RENDERER"]);
        let nvidia = Facts {
            nvidia: true,
            ..usual.clone()
        };
        check(nvidia.clone(), &[], &["WEBKIT_DISABLE_DMABUF_RENDERER"]);
        check(
            Facts {
                wayland: true,
                ..nvidia.clone()
            },
            &[],
            &[
                "WEBKIT_DISABLE_DMABUF_RENDERER",
                "__NV_DISABLE_EXPLICIT_SYNC",
            ],
        );
        check(nvidia, &["WEBKIT_DISABLE_DMABUF_RENDERER"], &[]);
        let appimage = Facts {
            appimage: true,
            wayland: true,
            ..usual
        };
        check(appimage.clone(), &[], &["GDK_BACKEND"]);
        check(appimage, &["GDK_BACKEND"], &[]);
    }

    #[test]
    fn what_was_decided_settles_the_next_start() {
        for bits in 0..16_u8 {
            let facts = Facts {
                nvidia: bits & 1 != 0,
                graphics_device: bits & 2 != 0,
                wayland: bits & 4 != 0,
                appimage: bits & 8 != 0,
            };
            let first: Vec<_> = decide(&facts, |_| false);
            let again = decide(&facts, |name| first.iter().any(|(set, _)| *set == name));
            assert_eq!(again, []);
        }
    }
}
