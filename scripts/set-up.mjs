// Makes a checkout ready to run: `node scripts/set-up.mjs start|test`. npm start and npm test call it first, every time;
// when all is in place it only compares a hash. It runs on whatever Node the machine has (20 or newer) and before any
// package is installed, hence plain JavaScript and node: modules only. All it says goes to stderr.
//
// Afterwards these hold:
// - node_modules is what package-lock.json says;
// - node_modules/.bin/node is a Node that runs this program's TypeScript: the pinned one, or else the machine's;
// - node_modules/.bin holds the commands, so that they run by name in npm scripts;
// - for `test`: psql and pg_dump are on the machine. For `start` they are only asked for, since the daemon runs without;
// - for `test`, on Debian and its kin: the programs of monitoring systems are unpacked below .cache/monitoring. Where they
//   cannot be had, the tests that ask them are skipped;
// - for `test`, as root on Debian and its kin: the backup tools that the importers' tests run are installed. Elsewhere, where
//   one is missing, its tests are skipped; in CI they fail.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, "node_modules");
const stampFile = path.join(modules, ".set-up");
const lockFile = path.join(root, ".cache", "set-up.lock");
const commands = ["backup-awareness", "engine-backup", "engine-config"];
const postgresPrograms = ["psql", "pg_dump"];
const backupTools = { restic: "restic", borg: "borgbackup", borgmatic: "borgmatic" };
const monitoringPrograms = path.join(root, ".cache", "monitoring");
const monitoringPackages = ["prometheus", "nagios4-core", "icinga2-bin", "snmptrapd"];

class SetUpError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

try {
  main(process.argv[2]);
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}

function main(purpose) {
  if (purpose !== "start" && purpose !== "test") throw new SetUpError("usage: node scripts/set-up.mjs start|test", 2);
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetUpError(`Node.js ${process.versions.node} is too old\nhint: install Node.js 20 or newer`);
  }
  const wanted = stamp();
  if (!packagesAreSetUp(wanted)) withLock(() => setUpPackages(wanted));
  setUpPostgresPrograms(purpose);
  if (purpose === "test") setUpBackupTools();
  if (purpose === "test" && !fs.existsSync(monitoringPrograms)) withLock(setUpMonitoringPrograms);
}

// ---- packages

/** What the stamp file says when everything below is done: the lockfile's hash, and for which machine. */
function stamp() {
  const hash = createHash("sha256")
    .update(fs.readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  return `${hash} ${process.platform}-${process.arch}\n`;
}

function packagesAreSetUp(wanted) {
  return readIfThere(stampFile) === wanted && fs.existsSync(path.join(modules, ".bin", "node"));
}

function setUpPackages(wanted) {
  if (packagesAreSetUp(wanted)) return; // another set-up did it while this one waited
  if (!packagesFitLockfile()) installPackages();
  linkNode();
  linkCommands();
  fs.writeFileSync(stampFile, wanted);
}

/**
 * Whether somebody's own `npm ci` or `npm install` already left what the lockfile says. npm writes
 * node_modules/.package-lock.json as its last step, so a killed install does not pass.
 */
function packagesFitLockfile() {
  const text = readIfThere(path.join(modules, ".package-lock.json"));
  if (text === null) return false;
  let installed;
  try {
    installed = JSON.parse(text).packages ?? {};
  } catch {
    return false;
  }
  const wanted = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(([place, { version, optional, link }]) => {
    if (!place.startsWith("node_modules/") || link) return true;
    const there = fs.existsSync(path.join(root, place, "package.json"));
    if (installed[place] === undefined || !there) return optional === true && !there;
    return installed[place].version === version;
  });
}

function installPackages() {
  // A daemon may be running from this checkout, its PostgreSQL from node_modules. So where npm's own record says that
  // an earlier install ended well, only what differs is changed; anything else is thrown away and made anew.
  const record = path.join(modules, ".package-lock.json");
  const update = fs.existsSync(record);
  const words = update ? ["install", "--no-save"] : ["ci"];
  say(`installing the packages of package-lock.json (npm ${words[0]}) …`);
  if (update) {
    // Without the record, an install that is killed now is followed by `npm ci`.
    fs.rmSync(record, { force: true });
    fs.rmSync(stampFile, { force: true });
  }
  const { command, first } = npmProgram();
  const result = spawnSync(command, [...first, ...words, "--no-engine-strict", ...cacheWords()], {
    cwd: root,
    // --production and its like, set for a deployment, would leave out what the tests and checks need.
    env: { ...process.env, NODE_ENV: "development", npm_config_omit: "", npm_config_production: "" },
    stdio: ["ignore", 2, 2],
  });
  if (result.error)
    throw new SetUpError(`npm could not be run: ${result.error.message}\nhint: install npm, then try again`);
  if (result.status !== 0) {
    const what = result.signal ? `ended by ${result.signal}` : `exit code ${result.status}`;
    const hint = "hint: npm says why above; when it is put right, run the same command again, which begins anew";
    throw new SetUpError(`npm ${words[0]} failed (${what})\n${hint}`, result.status ?? 1);
  }
}

/** The npm that runs this script, on its own Node (ours may lie in the node_modules that it is to replace), else PATH's. */
function npmProgram() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  if (npm && node && /^npm.*\.c?js$/.test(path.basename(npm)) && fs.existsSync(npm) && fs.existsSync(node)) {
    return { command: node, first: [npm] };
  }
  return { command: "npm", first: [] };
}

/** npm keeps its cache below HOME. A service's user may have none that can be written: then it is kept in the checkout. */
function cacheWords() {
  const cache = process.env.npm_config_cache ?? path.join(os.homedir(), ".npm");
  try {
    fs.mkdirSync(cache, { recursive: true });
    fs.accessSync(cache, fs.constants.W_OK);
    return [];
  } catch {
    return ["--cache", path.join(root, ".cache", "npm")];
  }
}

/** Points node_modules/.bin/node at the pinned Node, where there is one for this machine and it runs here. */
function linkNode() {
  const pinned = listIfThere(modules)
    .filter((name) => /^node-(bin-)?(linux|darwin)-/.test(name))
    .map((name) => path.join(modules, name, "bin", "node"));
  // Alpine's C library, for one, does not run it.
  const node = [...pinned, process.execPath].find(runsTypeScript);
  if (!node) {
    throw new SetUpError(
      `no Node.js for ${process.platform}-${process.arch} is pinned, and this one (${process.versions.node}) is too old\n` +
        "hint: install Node.js 22.18 or newer",
    );
  }
  const target = pinned.includes(node) ? path.relative(path.join(modules, ".bin"), node) : node;
  link(target, path.join(modules, ".bin", "node"));
}

function runsTypeScript(node) {
  const result = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8", env: {} });
  const [major, minor] = (result.stdout ?? "").split(".").map(Number);
  return result.status === 0 && (major > 22 || (major === 22 && minor >= 18));
}

function linkCommands() {
  for (const name of commands) link(path.join("..", "..", "bin", name), path.join(modules, ".bin", name));
}

function link(target, place) {
  try {
    if (fs.readlinkSync(place) === target) return;
  } catch {
    // not there, or no link
  }
  fs.mkdirSync(path.dirname(place), { recursive: true });
  // Under another name first: a command that is started in this moment finds the old link or the new one.
  const made = `${place}.${process.pid}`;
  fs.symlinkSync(target, made);
  fs.renameSync(made, place);
}

/** Keeps two set-ups from installing at once: `npm start` in one window, `npm test` in another. */
function withLock(work) {
  fs.mkdirSync(path.dirname(lockFile), { recursive: true });
  for (let tries = 0; ; tries++) {
    try {
      fs.writeFileSync(lockFile, `${process.pid}\n`, { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw new SetUpError(`${lockFile} could not be written: ${error.message}`);
    }
    const holder = Number.parseInt(readIfThere(lockFile) ?? "", 10);
    if (Number.isNaN(holder) ? tries > 10 : !isAlive(holder)) {
      fs.rmSync(lockFile, { force: true });
      continue;
    }
    if (tries === 0) say(`waiting for another set-up of this checkout (process ${holder}) …`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  try {
    work();
  } finally {
    fs.rmSync(lockFile, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

// ---- PostgreSQL's programs

function setUpPostgresPrograms(purpose) {
  const missing = () => postgresPrograms.filter((name) => !findPostgresProgram(name));
  if (missing().length === 0) return;
  const { command, install } = postgresPackage();
  if (install && process.getuid?.() === 0) {
    say(`${missing().join(" and ")} not found: installing PostgreSQL's client programs (${command}) …`);
    install();
    if (missing().length === 0) return;
  }
  const message = `${missing().join(" and ")} not found: PostgreSQL's client programs are not installed\nhint: ${command}`;
  if (purpose === "test") throw new SetUpError(`${message}\nThe tests need them; run npm test again afterwards.`);
  say(`${message}\nThe daemon runs without them; engine-backup cannot dump a database until they are there.`);
}

function findPostgresProgram(name) {
  return postgresDirectories().find((directory) => {
    const file = path.join(directory, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      // Debian's /usr/bin/psql is a wrapper, which stays there without any real psql behind it.
      return fs.statSync(file).isFile() && path.basename(fs.realpathSync(file)) !== "pg_wrapper";
    } catch {
      return false;
    }
  });
}

function postgresDirectories() {
  const below = (parent, pattern, rest) =>
    listIfThere(parent)
      .filter((name) => pattern.test(name))
      .map((name) => path.join(parent, name, ...rest));
  return [
    ...(process.env.PATH ?? "").split(path.delimiter).filter(Boolean),
    ...below("/usr/lib/postgresql", /^\d/, ["bin"]),
    ...below("/usr", /^pgsql-\d/, ["bin"]),
    ...["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"].flatMap((parent) =>
      below(parent, /^(libpq|postgresql(@.*)?)$/, ["bin"]),
    ),
  ];
}

/** How this system gets psql and pg_dump: the command to print and, where set-up may do it itself, a function that does. */
function postgresPackage() {
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  if (process.platform === "darwin") return { command: "brew install libpq" };
  if (isOnPath("apt-get"))
    return {
      command: `${sudo}apt-get install -y postgresql-client`,
      install: () => installWithApt("postgresql-client"),
    };
  if (isOnPath("dnf")) return { command: `${sudo}dnf install -y postgresql` };
  if (isOnPath("yum")) return { command: `${sudo}yum install -y postgresql` };
  if (isOnPath("zypper")) return { command: `${sudo}zypper install -y postgresql` };
  if (isOnPath("apk")) return { command: `${sudo}apk add postgresql-client` };
  if (isOnPath("pacman")) return { command: `${sudo}pacman -S --noconfirm postgresql-libs` };
  return { command: "install psql and pg_dump with this system's package manager, or put them on PATH" };
}

function installWithApt(...packages) {
  let output = "";
  const apt = (...words) => {
    const result = spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...words], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`.trimEnd();
    return result.status === 0;
  };
  const install = () => apt("install", "-y", "--no-install-recommends", ...packages);
  // A new machine or image has no package lists, or such that name versions that are gone.
  if (listIfThere("/var/lib/apt/lists").some((name) => /_Packages(\.\w+)?$/.test(name)) && install()) return;
  if (!apt("update")) say(`apt-get update failed; trying with the package lists that are there\n${output}`);
  if (!install()) say(`apt-get install failed\n${output}`);
}

// ---- other backup tools

function setUpBackupTools() {
  const missing = Object.keys(backupTools).filter((name) => !isOnPath(name));
  if (missing.length === 0 || process.getuid?.() !== 0 || !isOnPath("apt-get")) return;
  const packages = missing.map((name) => backupTools[name]);
  say(`installing ${packages.join(", ")} for the tests …`);
  installWithApt(...packages);
}

// ---- the programs of monitoring systems

/**
 * Downloads the packages and the libraries that they lack, and unpacks them. Nothing is installed: no service begins to run, no user is
 * made, and no root is needed.
 */
function setUpMonitoringPrograms() {
  if (fs.existsSync(monitoringPrograms)) return; // another set-up did it while this one waited
  if (!isOnPath("apt-get") || !isOnPath("dpkg-deb")) return;
  const draft = `${monitoringPrograms}.${process.pid}`;
  const downloads = path.join(draft, "downloads");
  fs.mkdirSync(downloads, { recursive: true });
  const run = (command, words, cwd) =>
    spawnSync(command, words, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 180_000 });
  try {
    say(`fetching ${monitoringPackages.join(", ")} for the tests (nothing is installed) …`);
    const simulate = () => run("apt-get", ["install", "--simulate", "--no-install-recommends", ...monitoringPackages]);
    let plan = simulate();
    // A new machine or image has no package lists.
    if (plan.status !== 0 && process.getuid?.() === 0 && run("apt-get", ["-qq", "update"]).status === 0)
      plan = simulate();
    const names = [...(plan.stdout ?? "").matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
    const wanted = names.filter(
      (name) => monitoringPackages.includes(name) || /^(icinga2-common|lib(?!js).*)$/.test(name),
    );
    const words = ["-qq", "-o", "APT::Sandbox::User=root", "download", ...new Set([...monitoringPackages, ...wanted])];
    const fetched = run("apt-get", words, downloads);
    const unpacked = listIfThere(downloads).every(
      (file) => run("dpkg-deb", ["-x", path.join(downloads, file), draft]).status === 0,
    );
    if (plan.status !== 0 || fetched.status !== 0 || !unpacked) {
      say(
        `they could not be had; the tests that ask them are skipped\n${fetched.stderr || plan.stderr || ""}`.trimEnd(),
      );
      return;
    }
    fs.rmSync(downloads, { recursive: true });
    fs.renameSync(draft, monitoringPrograms);
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

function isOnPath(name) {
  return (process.env.PATH ?? "").split(path.delimiter).some((directory) => {
    try {
      fs.accessSync(path.join(directory, name), fs.constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

// ---- small things

function say(message) {
  process.stderr.write(`set-up: ${message}\n`);
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new SetUpError(`${file} could not be read: ${error.message}`);
  }
}

function listIfThere(directory) {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}
