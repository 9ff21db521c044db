import { createNodeAuthorizer, type NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import type { AccessQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { feed, largeCluster, largePod, largeVolume, received } from "./clusters.ts";
import { memoryInUse, microsecondsSince, nanosecondsPer } from "./timing.ts";

export const LARGE = { nodes: 5_000, podsPerNode: 30, namespaces: 500 } as const;
const PODS = LARGE.nodes * LARGE.podsPerNode;
const MEBIBYTE = 2 ** 20;
/** Enough that no cache of the processor holds all they touch. */
const QUESTIONS = 4_096;

/** One measured figure of one round, nanoseconds unless the name says otherwise. */
export type Figures = Readonly<Record<string, number>>;

/** Memory once: it does not depend on the round. Objects are let go as they come, as a feed's are. */
export function measureMemory(): { readonly mebibytes: number; readonly tableMebibytes: number } {
  const before = memoryInUse();
  const authorizer = createNodeAuthorizer();
  for (let number = 0; number < PODS; number += 1) {
    const namespace = `team-${number % LARGE.namespaces}`;
    const hasClaim = number % 2 === 0;
    const object = largePod(number, `worker-${number % LARGE.nodes}`, namespace, hasClaim);
    authorizer.apply({ type: "ADDED", kind: "Pod", object });
    if (hasClaim) authorizer.apply({ type: "ADDED", kind: "PersistentVolume", object: largeVolume(number, namespace) });
  }
  const mebibytes = (memoryInUse() - before) / MEBIBYTE;
  return { mebibytes, tableMebibytes: authorizer.sizes().tableBytes / MEBIBYTE };
}

/** A cluster of 5,000 nodes with 150,000 pods, and one more in which all of those share one config map. */
export class LargeBench {
  readonly #cluster = largeCluster(LARGE);
  #authorizer: NodeAuthorizer = createNodeAuthorizer();
  readonly #hot: NodeAuthorizer;

  constructor() {
    this.#hot = createNodeAuthorizer();
    feed(this.#hot, largeCluster({ ...LARGE, namespaces: 1 }));
    // A node of its own that has nothing of the others.
    const foreign = { metadata: { name: "p", namespace: "elsewhere" }, spec: { nodeName: "stranger" } };
    this.#hot.apply({ type: "ADDED", kind: "Pod", object: foreign });
  }

  /** Builds anew, then asks and writes, each for `seconds`. */
  round(seconds: number): Figures {
    const authorizer = createNodeAuthorizer();
    const started = process.cpuUsage();
    feed(authorizer, this.#cluster);
    const build = microsecondsSince(started) * 1_000;
    this.#authorizer = authorizer;
    // What building leaves to the garbage collector's threads is not the questions' time.
    memoryInUse();
    const strangerAt = (number: number): number => (number + 1) % LARGE.nodes;
    return {
      build,
      "allow, own secret": this.#ask(
        this.#questions((pod) => this.#secret(pod, pod % LARGE.nodes)),
        "allow",
        seconds,
      ),
      "no opinion, secret of another node": this.#ask(
        this.#questions((pod) => this.#secret(pod, strangerAt(pod))),
        "noOpinion",
        seconds,
      ),
      "no opinion, secret nobody has": this.#ask(
        this.#questions((pod) => question(pod % LARGE.nodes, "secrets", `team-${pod % 500}`, `missing-${pod}`)),
        "noOpinion",
        seconds,
      ),
      "allow, config map of 300 pods": this.#ask(
        this.#questions((pod) => settings(pod, pod % LARGE.nodes)),
        "allow",
        seconds,
      ),
      "no opinion, config map of 300 pods": this.#ask(
        this.#questions((pod) => settings(pod, strangerAt(pod))),
        "noOpinion",
        seconds,
      ),
      "allow, config map of 150,000 pods": this.#askHot(
        (number) => question(number % LARGE.nodes, "configmaps", "team-0", "settings"),
        "allow",
        seconds,
      ),
      "no opinion, config map of 150,000 pods": this.#askHot(
        () => ({ ...question(0, "configmaps", "team-0", "settings"), user: userOf("stranger") }),
        "noOpinion",
        seconds,
      ),
      "churn: a pod removed and another added": this.#churn(authorizer, seconds),
      "churn where all share a config map": this.#churn(this.#hot, seconds),
    };
  }

  #secret(pod: number, node: number): AccessQuestion {
    const { metadata } = largePod(pod, "", "", false);
    return question(node, "secrets", `team-${pod % LARGE.namespaces}`, `${metadata?.name}-credentials`);
  }

  /** Questions about pods all over the cluster. */
  #questions(make: (pod: number) => AccessQuestion): readonly AccessQuestion[] {
    return Array.from({ length: QUESTIONS }, (_, index) => received(make((index * 7_919) % PODS)));
  }

  #ask(questions: readonly AccessQuestion[], verdict: string, seconds: number): number {
    return ask(this.#authorizer, questions, verdict, seconds);
  }

  #askHot(make: (number: number) => AccessQuestion, verdict: string, seconds: number): number {
    return ask(this.#hot, this.#questions(make), verdict, seconds);
  }

  /** Each write is a removal or an addition: pods go and come back elsewhere. */
  #churn(authorizer: NodeAuthorizer, seconds: number): number {
    const events = Array.from({ length: QUESTIONS }, (_, index) => {
      const number = PODS + index;
      const object = largePod(number, `worker-${number % LARGE.nodes}`, "team-0", false);
      return { added: { kind: "Pod", type: "ADDED", object }, gone: { kind: "Pod", type: "DELETED", object } } as const;
    });
    return nanosecondsPer((turn) => {
      const event = events[turn % QUESTIONS];
      return event !== undefined && authorizer.apply(event.added) && authorizer.apply(event.gone);
    }, seconds);
  }
}

/** Asks them in turn. */
export function ask(
  authorizer: NodeAuthorizer,
  questions: readonly AccessQuestion[],
  verdict: string,
  seconds: number,
): number {
  const mask = questions.length - 1;
  return nanosecondsPer((turn) => {
    const asked = questions[turn & mask];
    return asked !== undefined && authorizer.authorize(asked).verdict === verdict;
  }, seconds);
}

function settings(pod: number, node: number): AccessQuestion {
  return question(node, "configmaps", `team-${pod % LARGE.namespaces}`, "settings");
}

function question(node: number, resource: string, namespace: string, name: string): AccessQuestion {
  const nothing = { group: "", subresource: "", fieldSelector: [] };
  return {
    ...nothing,
    user: userOf(`worker-${node}`),
    isResourceRequest: true,
    verb: "get",
    resource,
    namespace,
    name,
  };
}

function userOf(node: string): AccessQuestion["user"] {
  return { username: `system:node:${node}`, groups: ["system:nodes", "system:authenticated"] };
}
