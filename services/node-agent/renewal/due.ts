/** When to renew: a part of the certificate's life before its end, or so many seconds. */
export type Lead = { readonly fraction: number } | { readonly seconds: number };

/** The instant from which a certificate is to be renewed. */
export function renewalTime(validFrom: Date, validTo: Date, lead: Lead): Date {
  const life = validTo.getTime() - validFrom.getTime();
  const ahead = "seconds" in lead ? lead.seconds * 1000 : life * lead.fraction;
  return new Date(validTo.getTime() - ahead);
}
