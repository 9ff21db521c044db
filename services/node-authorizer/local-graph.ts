import { systemClock } from "../shared/clock.ts";
import { createLogger } from "../shared/logging.ts";
import { parseFeatureGates } from "./domain/feature-gates.ts";
import { createNodeAuthorizer } from "./domain/node-authorizer.ts";
import { objectsFeed } from "./graph-feed/objects-feed.ts";
import { type ExplainQuery, explainFor, type ObjectQuery, readersOf } from "./http/graph-answers.ts";

/**
 * A graph for a few questions, without a server.
 *
 * @param source - as `--objects`; standard input is read to its end.
 * @throws {StatusError} BadRequest naming the source and what is wrong in it, or the feature gate.
 */
export async function graphOfObjects(source: string, featureGates: string) {
  const authorizer = createNodeAuthorizer({ featureGates: parseFeatureGates(featureGates), changeLogSize: 0 });
  const logger = createLogger({ level: "warn" });
  await objectsFeed({ source, graph: authorizer, clock: systemClock, logger, isFinite: true }).start();
  return {
    explain: async (query: ExplainQuery) => explainFor(authorizer, query),
    readers: async (query: ObjectQuery) => readersOf(authorizer, query),
    readable: async (node: string) => authorizer.readableBy(node),
    drain: async (node: string) => authorizer.drain(node),
  };
}
