import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach } from "@jest/globals";
import { parse, stringify } from "yaml";
import { PkiError } from "../../../services/certificate-authority/control-plane/pki-error.ts";
import { initializePki, type PkiOptions } from "../../../services/certificate-authority/pki.ts";
import { controlPlaneSettings } from "../../builders/control-plane.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

export const DAY_SECONDS = 86_400;
export const YEAR_SECONDS = 365 * DAY_SECONDS;
const START = new Date();

let root: string;
let clock: SettableClock;
/** What one run on an empty directory leaves. */
let made: string;

/** Gives each test of a file a directory and a clock of its own. */
export function withDirectories(): void {
  beforeAll(async () => {
    begin();
    await initialize();
    made = root;
  });
  beforeEach(begin);
}

function begin(): void {
  root = temporaryDirectory();
  clock = new SettableClock(START);
}

export const currentRoot = (): string => root;
export const currentClock = (): SettableClock => clock;

/** Goes on from what a run on an empty directory left. */
export function takeMade(): void {
  cpSync(made, root, { recursive: true });
}

export const file = (name: string): string => join(root, "kubernetes", "pki", name);
export const kubeconfig = (name: string): string => join(root, "kubernetes", name);
export const read = (path: string): string => readFileSync(path, "utf8");

export function initialize(options: Partial<PkiOptions> = {}) {
  const { nodeName, ...settings } = controlPlaneSettings();
  const wish = { keyAlgorithm: "ecdsa-p256", lifetimeSeconds: YEAR_SECONDS, renewBeforeSeconds: undefined };
  return initializePki(
    {
      ...{ ...settings, ...wish, nodeName, isExternal: false, isRenewing: false },
      directory: join(root, "kubernetes", "pki"),
      dataDirectory: join(root, "data"),
      ...options,
    },
    clock,
  );
}

export async function refusal(options: Partial<PkiOptions> = {}): Promise<readonly string[]> {
  const error = await initialize(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PkiError) return error.problems;
  throw error ?? new Error("it was not refused");
}

/** Every file with its content: what must not change. */
export function everything(): Readonly<Record<string, string>> {
  const names = readdirSync(join(root, "kubernetes"), { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(root, "kubernetes", name)).isFile());
  return Object.fromEntries(files.map((name) => [name, read(join(root, "kubernetes", name))]));
}

export function kubeconfigOf(name: string) {
  const { clusters, users, contexts, "current-context": current } = parse(read(kubeconfig(name)));
  const { "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
  const decode = (text: string): string => Buffer.from(text, "base64").toString();
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  return { server, current, contexts, caPem: decode(ca), certificatePem: decode(certificate), keyPem: decode(key) };
}

export interface KubeconfigText {
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, string> }[];
}

export function change(name: string, edit: (config: KubeconfigText) => object): void {
  writeFileSync(kubeconfig(name), stringify(edit(parse(read(kubeconfig(name))))));
}
