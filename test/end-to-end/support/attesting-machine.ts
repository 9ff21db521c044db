import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { bindOf } from "../../../services/shared/attestation/bind.ts";
import { joinTokenKey, signPossession } from "../../../services/shared/attestation/possession.ts";
import type { AttestorKind, ChallengeAnswer, CompleteAnswer } from "../../../services/shared/attestation/wire.ts";
import { octetsOf } from "../../../services/shared/attestation/wire.ts";
import { type Answer, HttpsClient } from "./https-client.ts";
import { KubeletClient } from "./kubelet-client.ts";

/** What a machine answers a challenge with. */
export type Prove = (bind: Buffer, params: ChallengeAnswer["params"]) => object | Promise<object>;

export interface AttestationWish {
  readonly attestor: AttestorKind;
  readonly profile?: string;
  readonly nodeName?: string;
  readonly hello?: object;
  readonly prove: Prove;
}

/** A challenge with everything that answers it; a test may spoil any of it before it is sent. */
export interface Attempt {
  readonly body: {
    challenge: string;
    spki: string;
    hello: object;
    keySig: string;
    proof: object;
    kubelet?: { certificate: string; signature: string };
  };
  readonly bind: Buffer;
}

/** A machine that takes part in the attestation protocol, with a bootstrap key of its own. */
export class AttestingMachine {
  readonly #url: string;
  readonly #caPem: string;
  readonly #https: HttpsClient;
  readonly key: KeyObject;
  readonly spki: Buffer;

  constructor(url: string, caPem: string) {
    this.#url = url;
    this.#caPem = caPem;
    this.#https = new HttpsClient(url, { caPem });
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.key = privateKey;
    this.spki = publicKey.export({ type: "spki", format: "der" });
  }

  post(path: "challenge" | "complete", body: unknown): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return this.#https.send("POST", `/v1/attest/${path}`, { headers, body: JSON.stringify(body) });
  }

  /** Asks for a challenge and prepares its answer. */
  async prepare({ attestor, profile, nodeName, hello = {}, prove }: AttestationWish): Promise<Attempt> {
    const spki = this.spki.toString("base64url");
    const wish = { v: 1, attestor, spki, hello, ...(profile && { profile }), ...(nodeName && { nodeName }) };
    const answer = await this.post("challenge", wish);
    if (answer.status !== 200) throw new Error(`no challenge: ${answer.status} ${answer.body.toString()}`);
    const { challenge, nonce, audience, params } = JSON.parse(answer.body.toString()) as ChallengeAnswer;
    const bound = { audience, attestor, nonce: octetsOf(nonce), nodeName: nodeName ?? "", spki: this.spki };
    const bind = bindOf(bound);
    const keySig = signPossession(this.key, "bootstrap-key", bind).toString("base64url");
    return { bind, body: { challenge, spki, hello, keySig, proof: await prove(bind, params) } };
  }

  /** @returns the HTTP status, and the code of a refusal. */
  async complete({ body }: Attempt): Promise<{ status: number; code: string | undefined; answer: CompleteAnswer }> {
    const { status, body: octets } = await this.post("complete", body);
    const answer = JSON.parse(octets.toString()) as CompleteAnswer & { details?: { causes?: { reason: string }[] } };
    return { status, code: answer.details?.causes?.[0]?.reason, answer };
  }

  /** Attests and returns the kubelet that has what it got. */
  async kubelet(wish: AttestationWish, nodeName: string): Promise<KubeletClient> {
    const { status, answer } = await this.complete(await this.prepare(wish));
    if (status !== 200) throw new Error(`not attested: ${status} ${JSON.stringify(answer)}`);
    return this.kubeletWith(answer, nodeName);
  }

  /** A kubelet that bootstraps with the credential of an answer, under any name. */
  kubeletWith({ certPem, token }: CompleteAnswer, nodeName: string): KubeletClient {
    const privateKeyPem = this.key.export({ type: "pkcs8", format: "pem" }).toString();
    const credentials =
      token === undefined
        ? { caPem: this.#caPem, certificatePem: certPem ?? "", privateKeyPem }
        : { caPem: this.#caPem, token };
    return new KubeletClient({ url: this.#url, credentials, nodeName, rotateCertificates: true });
  }
}

/** Proof and hello of a join token, as `gatehouse token create --for attestation` prints it. */
export function byJoinToken(token: string): Pick<AttestationWish, "attestor" | "hello" | "prove"> {
  const [tokenId = "", secret = ""] = token.split(".");
  const mac = (bind: Buffer) => createHmac("sha256", joinTokenKey(secret)).update(bind).digest("base64url");
  return { attestor: "join_token", hello: { tokenId }, prove: (bind) => ({ mac: mac(bind) }) };
}
