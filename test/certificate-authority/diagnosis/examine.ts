import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunningServer } from "../../../services/certificate-authority/diagnosis/contract.ts";
import { type System, thisSystem } from "../../../services/certificate-authority/diagnosis/system.ts";
import { diagnose } from "../../../services/certificate-authority/doctor.ts";
import type { Clock } from "../../../services/shared/clock.ts";
import type { Finding } from "../../../services/shared/diagnosis/findings.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

export interface Scene {
  /** What the configuration file says; none without it. */
  readonly settings?: object;
  /** The text of the configuration file, instead of `settings`. */
  readonly text?: string;
  readonly dataDirectory?: string;
  readonly system?: Partial<System>;
  readonly clock?: Clock;
  readonly server?: RunningServer;
  readonly isNamed?: boolean;
  readonly isFull?: boolean;
  readonly timeoutSeconds?: number;
}

/** A machine on which nothing stands out. */
const SOUND: System = {
  ...thisSystem,
  nodeVersion: "24.1.0",
  memoryBytes: 64 * 1024 ** 3,
  freeBytes: async () => 500 * 1024 ** 3,
  readText: (path) => (path.endsWith("/limits") ? "Max open files            1048576   1048576   files\n" : undefined),
  output: async () => "yes\n",
};

/** Runs one check of the registry on a real configuration file and data directory. */
export async function examine(id: string, scene: Scene = {}): Promise<readonly Finding[]> {
  const { dataDirectory = temporaryDirectory(), server, clock, system, isFull = false, timeoutSeconds = 10 } = scene;
  const text =
    scene.text ??
    (scene.settings &&
      JSON.stringify({ apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration", ...scene.settings }));
  const configFile = join(temporaryDirectory(), "gatehouse.yaml");
  if (text !== undefined) writeFileSync(configFile, text);
  const { checks } = await diagnose({
    ...(text !== undefined && { configFile }),
    ...(clock && { clock }),
    dataDirectory,
    only: [id],
    isFull,
    timeoutSeconds,
    system: { ...SOUND, ...system },
    chooseServer: () =>
      server === undefined
        ? { kind: "none", reason: "none is asked" }
        : { kind: "server", server, isNamed: scene.isNamed ?? true },
  });
  return checks.flatMap(({ findings }) => findings);
}

/** `outcome subject: finding` of each, for short expectations. */
export function lines(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ outcome, subject, finding }) => `${outcome} ${subject}: ${finding}`);
}
