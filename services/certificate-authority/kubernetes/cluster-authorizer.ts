import type { AccessAttributes, AccessDecision, Authorizer } from "../domain/authorization.ts";
import type { ClusterConnection } from "./cluster-connection.ts";

const PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/**
 * Has a cluster say what its users may do, by SubjectAccessReviews. Nothing is remembered, but whoever asks what is being
 * asked already shares the next answer: it was sent for after all of them had asked, so that it is no older than one of
 * their own would be. Five thousand nodes that join by one bootstrap token ask the same.
 *
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go (authorize).
 */
export function clusterAuthorizer(cluster: Pick<ClusterConnection, "send">): Authorizer {
  const questions = new Map<string, Question>();

  async function send(spec: object): Promise<AccessDecision> {
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
    const { status = {} } = (await cluster.send("POST", PATH, review)) as Answer;
    const { allowed, denied, reason = "" } = status;
    if (denied === true) return { allowed: false, denied: true, reason };
    return { allowed: allowed === true, reason };
  }

  function begin(key: string, spec: object): Promise<AccessDecision> {
    const question: Question = { underWay: send(spec), next: undefined };
    questions.set(key, question);
    const ended = (): void => {
      if (question.next === undefined) questions.delete(key);
    };
    question.underWay.then(ended, ended);
    return question.underWay;
  }

  return {
    authorize({ username, uid, groups, extra }, attributes) {
      const spec = { user: username, uid, groups, extra, ...questionOf(attributes) };
      const key = JSON.stringify(spec);
      const asked = questions.get(key);
      if (asked === undefined) return begin(key, spec);
      const beginNext = (): Promise<AccessDecision> => begin(key, spec);
      asked.next ??= asked.underWay.then(beginNext, beginNext);
      return asked.next;
    },
  };
}

interface Question {
  readonly underWay: Promise<AccessDecision>;
  /** What is asked when that is answered. */
  next: Promise<AccessDecision> | undefined;
}

function questionOf(attributes: AccessAttributes): object {
  const { kind, ...named } = attributes;
  return kind === "path" ? { nonResourceAttributes: named } : { resourceAttributes: named };
}

interface Answer {
  readonly status?: { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string };
}
