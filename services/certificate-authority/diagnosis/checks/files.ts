import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { error, type Finding, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import type { Check, CheckContext } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

const OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

export const dataDirectory: Check = {
  id: "files.data-directory",
  title: "the data directory: mode, owner, writable",
  async run(context) {
    const { dataDirectory: path } = context;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return [skipped(path, "does not exist yet; the first start makes it with mode 0700")];
    if (!found.isDirectory()) return [error(path, "is no directory", "name another dataDirectory")];
    const problems = [
      ...(found.mode & WRITABLE_BY_OTHERS
        ? [error(path, `mode ${octal(found.mode)} lets others put files in its place`, `chmod 700 ${path}`)]
        : found.mode & OTHERS
          ? [warning(path, `mode ${octal(found.mode)} lets others look inside`, `chmod 700 ${path}`)]
          : []),
      ...ownerFindings(context, path, found.uid),
      ...(await writableFindings(path)),
    ];
    return problems.length > 0 ? problems : [ok(path, `mode ${octal(found.mode)}, ours, writable`)];
  },
};

export const parentDirectories: Check = {
  id: "files.parents",
  title: "directories above the data directory: nobody else may replace it",
  async run({ dataDirectory: path }) {
    const found: Finding[] = [];
    for (let parent = dirname(path); ; parent = dirname(parent)) {
      const { mode } = (await stat(parent).catch(() => undefined)) ?? { mode: 0 };
      // In a sticky directory, such as /tmp, only the owner can rename what is his.
      if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
        found.push(error(parent, `mode ${octal(mode)} lets others replace what is below it`, `chmod go-w ${parent}`));
      }
      if (dirname(parent) === parent) break;
    }
    return found.length > 0 ? found : [ok(dirname(path), "nobody else can replace the data directory")];
  },
};

export const privateFiles: Check = {
  id: "files.private",
  title: "files with keys, tokens and records: mode and owner",
  async run(context) {
    const { dataDirectory: data, keysDirectory: keys, ledgerFile } = context;
    const sealed = (await readdir(keys).catch(() => [])).map((name) => join(keys, name));
    const own = ["admin.kubeconfig", "bootstrap.kubeconfig"].map((name) => join(data, name));
    const ledger = ["", "-wal", "-shm", "-lock"].map((suffix) => ledgerFile + suffix);
    const findings = await Promise.all([
      ...[keys, ...sealed, ...own, ...ledger].map((path) => privateFinding(context, path)),
      ...secretFilesOf(context.configuration).map((path) => givenFinding(context, path)),
      ...kubeconfigsOf(context.configuration).map((path) => kubeconfigFinding(context, path)),
    ]);
    const all = findings.flat();
    const problems = all.filter(({ outcome }) => outcome !== "ok");
    if (problems.length > 0) return problems;
    if (all.length === 0) return [skipped(data, "there are no files yet; the first start makes them")];
    return [ok(data, `${all.length} files and directories are their owner's alone`)];
  },
};

/** Files that the configuration names and that hold secrets. */
function secretFilesOf(configuration: Configuration | undefined): readonly string[] {
  if (configuration === undefined) return [];
  const { encryption, issuer, issuers, authentication, tokens } = configuration;
  const keyFiles = [issuer, ...issuers].flatMap(({ import: files }) => files?.keyFile ?? []);
  const pins = tokens.flatMap(({ pinFile }) => pinFile ?? []);
  const credentials = authentication.flatMap(({ tokenReview }) => [
    tokenReview?.credentials?.tokenFile,
    tokenReview?.credentials?.clientKeyFile,
  ]);
  const own =
    encryption === undefined || "keyEnvironment" in encryption
      ? []
      : ["keyFile" in encryption ? encryption.keyFile : encryption.configurationFile];
  return [...own, ...keyFiles, ...pins, ...credentials.filter((path) => path !== undefined)];
}

/** Kubeconfigs may hold credentials or name the files that do, so an open one is less than an error. */
function kubeconfigsOf(configuration: Configuration | undefined): readonly string[] {
  if (configuration === undefined) return [];
  const { authentication, authorization, audit } = configuration;
  const paths = [
    ...authentication.map(({ tokenReview }) => tokenReview?.kubeconfig),
    ...authorization.map((authorizer) => (authorizer.type === "Webhook" ? authorizer.kubeconfigFile : undefined)),
    audit?.webhook?.kubeconfigFile,
  ];
  return paths.filter((path) => path !== undefined);
}

async function kubeconfigFinding(context: CheckContext, path: string): Promise<readonly Finding[]> {
  const found = await givenFinding(context, path);
  return found.map((finding) => (finding.outcome === "error" ? { ...finding, outcome: "warning" } : finding));
}

async function privateFinding(context: CheckContext, path: string): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  const closed = found.isDirectory() ? 700 : 600;
  const owner = ownerFindings(context, path, found.uid);
  if ((found.mode & OTHERS) === 0) return owner.length > 0 ? owner : [ok(path, octal(found.mode))];
  return [error(path, `mode ${octal(found.mode)} lets others in`, `chmod ${closed} ${path}`), ...owner];
}

/** A secret that somebody else keeps for us, such as one that is mounted, is theirs to protect. */
async function givenFinding(context: CheckContext, path: string): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (found.uid === context.system.uid) return privateFinding(context, path);
  const isOpen = (found.mode & 0o007) !== 0;
  if (!isOpen) return [ok(path, octal(found.mode))];
  return [
    warning(
      path,
      `mode ${octal(found.mode)} lets everybody on this machine in`,
      `have its owner run: chmod o= ${path}`,
    ),
  ];
}

/** The superuser may read everybody's; what matters then is whom the server will run as, which nobody told us. */
function ownerFindings({ system: { uid } }: CheckContext, path: string, owner: number): readonly Finding[] {
  if (uid === undefined || uid === 0 || owner === uid) return [];
  return [
    warning(
      path,
      `belongs to user ${owner}, and this is user ${uid}`,
      `run as the server's user, or chown ${uid} ${path}`,
    ),
  ];
}

async function writableFindings(path: string): Promise<readonly Finding[]> {
  const mayWrite = await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return mayWrite ? [] : [error(path, "cannot be read and written by this user", `run as its owner, or chown it`)];
}

export const configuredFiles: Check = {
  id: "files.configured",
  title: "files that the configuration names can be read",
  run: (context) =>
    withConfiguration(context, "configured files", async (configuration) => {
      const { keyPolicy, issuer, issuers } = configuration;
      const imports = [issuer, ...issuers].flatMap(({ import: files }) =>
        files === undefined ? [] : [files.certificateFile, files.keyFile, files.chainFile],
      );
      const own = [...secretFilesOf(configuration), ...kubeconfigsOf(configuration)];
      const named = [keyPolicy.blockedKeysFile, keyPolicy.weakKeysFile, ...imports, ...own];
      const paths = [...new Set(named.filter((path) => path !== undefined))];
      if (paths.length === 0) return [ok("configured files", "the configuration names none")];
      return Promise.all(paths.map(readable));
    }),
};

async function readable(path: string): Promise<Finding> {
  try {
    await access(path, constants.R_OK);
    return ok(path, "can be read");
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    const finding = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    return error(path, finding, "correct the path in the configuration, or restore the file");
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
