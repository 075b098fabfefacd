// The forms in which providers write one message id: submit_sm_resp may have it in hex and the receipt in decimal, with
// leading zeros or in the other case.

/** Forms to look for, the exact one first, each once. */
export function idForms(id: string): string[] {
  const forms = new Set([id]);
  const bare = id.replace(/^0+(?=.)/, '');
  forms.add(bare);
  if (/^\d{1,30}$/.test(id)) {
    const hex = BigInt(id).toString(16);
    for (const form of [hex, hex.toUpperCase(), hex.padStart(8, '0'), hex.toUpperCase().padStart(8, '0')])
      forms.add(form);
  }
  if (/^[0-9a-fA-F]{1,25}$/.test(id)) {
    const decimal = BigInt(`0x${id}`).toString();
    forms.add(decimal);
    forms.add(decimal.padStart(10, '0'));
  }
  forms.add(id.toLowerCase());
  forms.add(id.toUpperCase());
  return [...forms];
}
