/** A small generator of numbers in [0, 1) (mulberry32), so that a simulation can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SimulatedCertificate {
  readonly id: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Answers a request: a certificate, or nothing while nobody approves. */
export type Issue = (at: Date) => SimulatedCertificate | undefined;

const WAIT_MILLISECONDS = 15 * 60_000;
const LONGEST_PAUSE_MILLISECONDS = 32_000;

/**
 * A kubelet as far as its rotation goes: it asks at a moment it drew, waits for a quarter of an hour, pauses and asks
 * again. Once its certificate has ended nobody knows it any more, and it asks no more.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/certificate_manager.go.
 */
export class SimulatedKubelet {
  readonly name: string;
  certificate: SimulatedCertificate;
  /** When it asked for the certificate that follows the one it has, in order. */
  asked: Date[] = [];
  readonly #random: () => number;
  #nextAsk: number;

  constructor(name: string, first: SimulatedCertificate, random: () => number) {
    this.name = name;
    this.certificate = first;
    this.#random = random;
    this.#nextAsk = this.#drawn();
  }

  isLost(now: Date): boolean {
    return now > this.certificate.notAfter;
  }

  /** It was restarted: it draws anew when to ask. */
  restart(): void {
    if (this.asked.length === 0) this.#nextAsk = this.#drawn();
  }

  /** Lives on until then. */
  liveUntil(now: Date, issue: Issue): void {
    while (this.#nextAsk <= now.getTime() && this.#nextAsk <= this.certificate.notAfter.getTime()) {
      const at = new Date(this.#nextAsk);
      const issued = issue(at);
      if (issued === undefined) {
        this.asked.push(at);
        this.#nextAsk += WAIT_MILLISECONDS + LONGEST_PAUSE_MILLISECONDS * this.#random();
      } else {
        this.certificate = issued;
        this.asked = [];
        this.#nextAsk = this.#drawn();
      }
    }
  }

  #drawn(): number {
    const { notBefore, notAfter } = this.certificate;
    const lifetime = notAfter.getTime() - notBefore.getTime();
    return notBefore.getTime() + lifetime * (0.7 + 0.2 * this.#random());
  }
}
