import type { ClusterAnswer, ExaminedCluster } from "../../services/certificate-authority/diagnosis/contract.ts";

interface ReviewSpec {
  readonly user?: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** An API server that answers what a test has put into it, and says 404 to everything else. */
export class FakeExaminedCluster implements ExaminedCluster {
  readonly place = "fake";
  controllerUser: string | undefined;
  /** The time there. */
  now = new Date("2026-11-21T12:00:00Z");
  username = "system:serviceaccount:gatehouse-system:gatehouse-controller";
  /** Whether somebody may do something. */
  allows: (call: string, user: string | undefined) => boolean = () => true;
  /** Nobody answers, for this reason. */
  silence: string | undefined;
  readonly asked: string[] = [];
  readonly #answers = new Map<string, ClusterAnswer>();

  /** What stands at a path, without its query. */
  put(path: string, body: object): void {
    this.#answers.set(path, { status: 200, message: "", body });
  }

  putList(path: string, ...items: readonly object[]): void {
    this.put(path, { items });
  }

  refuse(path: string, status = 403, message = "forbidden"): void {
    this.#answers.set(path, { status, message, body: undefined });
  }

  async ask(method: "GET" | "POST", pathAndQuery: string, body?: object): Promise<ClusterAnswer> {
    if (this.silence !== undefined) throw new Error(this.silence);
    const [path = ""] = pathAndQuery.split("?");
    this.asked.push(`${method} ${path}`);
    const answer = this.#answers.get(path);
    if (answer !== undefined) return answer;
    if (method === "POST") return { status: 201, message: "", body: this.#review(path, body as { spec: ReviewSpec }) };
    return { status: 404, message: "not found", body: undefined };
  }

  #review(path: string, { spec }: { readonly spec: ReviewSpec }): object {
    if (path.endsWith("selfsubjectreviews")) {
      const creationTimestamp = this.now.toISOString().replace(/\.\d+Z$/, "Z");
      return { metadata: { creationTimestamp }, status: { userInfo: { username: this.username } } };
    }
    const { verb, group, resource, subresource, name, namespace } = spec.resourceAttributes;
    const words = [verb, subresource === undefined ? resource : `${resource}/${subresource}`, name, namespace, group];
    return { status: { allowed: this.allows(words.filter(Boolean).join(" "), spec.user) } };
  }
}
