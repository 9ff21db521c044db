import type { SubjectAltNames } from "../../domain/csr-facts.ts";
import { showName } from "../../domain/shown-name.ts";
import { type ReservedNames, reservation } from "./reserved-names.ts";
import type { ClaimedName, EvidenceSource, Showing } from "./source.ts";

/** What came out about one name, as the trace keeps it. */
export interface Finding extends ClaimedName {
  /** The source that shows that it belongs to the node; null when none does. */
  readonly shownBy: string | null;
  /** Whether an administrator wrote down this very name for the node. */
  readonly isExact?: boolean;
  /** Each source that had something to say, up to the one that shows it. */
  readonly asked: readonly { readonly source: string; readonly says: string }[];
  /** Why what sources say is not enough. */
  readonly refusal?: string;
  /** What would show it. */
  readonly cures: readonly string[];
  /** A source that could not be asked, where no other shows the name. */
  readonly failure?: { readonly source: string; readonly message: string };
}

export interface Inquiry {
  readonly sources: readonly EvidenceSource[];
  readonly reserved: ReservedNames;
  /** Who else holds a name, in words. */
  readonly heldBy?: ((name: string) => string | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks about each name, source by source, until one shows that it belongs to the node. */
export function gatherEvidence(
  nodeName: string,
  { dnsNames, ipAddresses }: Pick<SubjectAltNames, "dnsNames" | "ipAddresses">,
  inquiry: Inquiry,
): Promise<readonly Finding[]> {
  const claimed: readonly ClaimedName[] = [
    ...dnsNames.map((name) => ({ kind: "dns", name: name.toLowerCase() }) as const),
    ...ipAddresses.map((name) => ({ kind: "ip", name }) as const),
  ];
  return Promise.all(claimed.map((name) => findingOn(nodeName, name, inquiry)));
}

async function findingOn(nodeName: string, claimed: ClaimedName, inquiry: Inquiry): Promise<Finding> {
  const refusal = reservation(claimed, inquiry.reserved) ?? inquiry.heldBy?.(claimed.name);
  const asked: { source: string; says: string }[] = [];
  const cures: string[] = [];
  let failure: Finding["failure"];
  for (const source of inquiry.sources) {
    const answer = await answerOf(source, nodeName, claimed, inquiry.signal);
    if (answer === undefined) continue;
    asked.push({ source: source.name, says: answer.says });
    if (answer.kind === "failed") failure ??= { source: source.name, message: answer.says };
    else if (!answer.isShown) cures.push(answer.cure);
    else if (answer.isExact || refusal === undefined) {
      return { ...claimed, shownBy: source.name, ...(answer.isExact && { isExact: true }), asked, cures: [] };
    }
  }
  if (refusal !== undefined) {
    return {
      ...claimed,
      shownBy: null,
      asked,
      refusal,
      cures: [`list exactly ${showName(claimed.name)} for the node in an inventory`],
    };
  }
  return { ...claimed, shownBy: null, asked, cures, ...(failure && { failure }) };
}

type Answer = (Showing & { readonly kind: "answered" }) | { readonly kind: "failed"; readonly says: string };

async function answerOf(
  source: EvidenceSource,
  nodeName: string,
  claimed: ClaimedName,
  signal: AbortSignal | undefined,
): Promise<Answer | undefined> {
  try {
    const showing = await source.show(nodeName, claimed, signal);
    return showing && { kind: "answered", ...showing };
  } catch (error) {
    return { kind: "failed", says: `could not be asked: ${error instanceof Error ? error.message : String(error)}` };
  }
}
