import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import type { Custody } from "./custody/custody.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import { trustAnchors } from "./domain/trust.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import { rotateWhatIsDue } from "./rotation/issuers/automatic.ts";
import type { IssuerRotation, IssuerRotationStatus } from "./rotation/issuers/contract.ts";
import { createPublication, filePublisher, type TrustBundlePublisher } from "./rotation/issuers/publication.ts";
import { createIssuerRotation } from "./rotation/issuers/rotation.ts";
import { createTrustObserver, type TrustObserver } from "./rotation/issuers/trust.ts";
import { rotationKeys } from "./rotation-keys.ts";

const RECENT_MILLISECONDS = 60_000;

export interface RotationParts {
  readonly ledger: Pick<Ledger, "rotation" | "issuers">;
  readonly live: LiveIssuers;
  readonly custody: Custody;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the trust bundle is kept besides the configured files. */
  readonly publishers?: readonly TrustBundlePublisher[];
}

/** The rotation of issuers, and what goes with it. */
export interface ConfiguredRotation {
  readonly rotation: IssuerRotation;
  readonly trust: TrustObserver;
  /** Brings the trust bundle to every place it is kept in. */
  readonly publish: () => Promise<void>;
  /** Those places. */
  readonly places: readonly string[];
  /** The steps that are due, when the configuration leaves them to us. @returns what was done, a line each. */
  readonly takeDueSteps: (isDryRun?: boolean) => Promise<readonly string[]>;
  /** Where the rotation of each issuer stood within the last minute. */
  readonly recentStatuses: () => Promise<readonly IssuerRotationStatus[]>;
}

export function configuredRotation(
  configuration: Configuration,
  { ledger, live, custody, tokens, clock, logger, publishers = [] }: RotationParts,
): ConfiguredRotation {
  const { automatic, consumers, trustBundleFiles } = configuration.issuerRotation;
  const { rotation: records, issuers } = ledger;
  const keys = rotationKeys({ settings: configuration, live, custody, tokens, issuers, clock });
  const trust = createTrustObserver({ records, consumers, clock, logger });
  const settings = { consumers, automatic };
  const parts = { records, issuers, keys, clock, logger };
  const rotation = createIssuerRotation({ ...parts, inUse: live, settings, trust });
  const files = trustBundleFiles.map(({ path, mode }) => filePublisher({ path, mode: Number.parseInt(mode, 8) }));
  const publishBundle = createPublication([...files, ...publishers], logger);
  return {
    rotation,
    trust,
    places: [...files, ...publishers].map(({ place }) => place),
    async publish() {
      await publishBundle(trustAnchors(await issuers.list(), clock.now()).join(""));
    },
    recentStatuses: remembered(() => rotation.statuses(), clock),
    async takeDueSteps(isDryRun = false) {
      if (!isDryRun) await rotation.recover();
      return automatic === undefined ? [] : rotateWhatIsDue({ ...parts, rotation, policy: automatic }, isDryRun);
    },
  };
}

/** Asks anew when a minute has passed; whoever asks meanwhile shares the answer. One that failed is not kept. */
function remembered<T>(ask: () => Promise<T>, clock: Clock): () => Promise<T> {
  let last: { readonly answer: Promise<T>; readonly at: number } | undefined;
  return () => {
    const now = clock.now().getTime();
    if (last !== undefined && Math.abs(now - last.at) < RECENT_MILLISECONDS) return last.answer;
    const answer = ask();
    last = { answer, at: now };
    answer.catch(() => {
      last = undefined;
    });
    return answer;
  };
}
