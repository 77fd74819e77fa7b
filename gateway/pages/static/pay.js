// The live parts of parents' pages: copy buttons, and an invoice that turns to "paid" by itself.
// Without this file everything else still works; it asks nobody but the server the page came from.
"use strict";
(() => {
  const POLL_MS = 20000;
  document.documentElement.classList.add("js");
  document.querySelector("form[data-submit]")?.submit();
  const onward = document.querySelector("a[data-follow]");
  if (onward) location.replace(onward.href); // "back" then leads to the invoice, not here

  const announce = (text) => {
    const place = document.getElementById("announce");
    if (!place) return;
    place.textContent = "";
    setTimeout(() => { place.textContent = text; }, 50); // a change, even when the words are the same
  };

  const copyText = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = document.createElement("textarea"); // in-app browsers without a clipboard
      field.value = text;
      field.readOnly = true;
      field.className = "visually-hidden";
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button || !(await copyText(button.dataset.copy))) return;
    button.focus();
    const label = button.querySelector("span");
    button.dataset.label ??= label.textContent;
    label.textContent = button.dataset.done;
    button.classList.add("copied");
    announce(button.dataset.say);
    setTimeout(() => {
      label.textContent = button.dataset.label;
      button.classList.remove("copied");
    }, 2000);
  });

  let source = null;
  let timer = null;

  // Fetch this page again and put its sheet in place of the one that is shown.
  const refresh = async (message) => {
    const shown = document.getElementById("sheet");
    const answer = await fetch(location.href, { cache: "no-store", headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("sheet");
    if (!fresh || fresh.dataset.version === shown.dataset.version) return;
    const hadFocus = shown.contains(document.activeElement);
    shown.replaceWith(document.adoptNode(fresh));
    const heading = document.getElementById("heading");
    if (hadFocus) heading.focus();
    announce(message ?? heading.textContent);
    if (!fresh.dataset.events) hangUp();
    if (fresh.querySelector(".summary-paid")) scrollTo({ top: 0 });
  };

  const hangUp = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
  };

  const pollSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await refresh().catch(() => {});
      if (document.getElementById("sheet").dataset.events) pollSoon();
    }, POLL_MS);
  };

  const listen = () => {
    const sheet = document.getElementById("sheet");
    if (!sheet?.dataset.events) return;
    hangUp();
    source = new EventSource(sheet.dataset.events);
    source.addEventListener("standing", async (event) => {
      const standing = JSON.parse(event.data);
      if (standing.is_final) hangUp();
      if (standing.version === document.getElementById("sheet").dataset.version) return;
      await refresh(standing.message).catch(() => {});
      if (standing.version !== document.getElementById("sheet").dataset.version) pollSoon();
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) pollSoon();
    });
  };

  listen();
  // Phones put the page to sleep while the banking app is in front: look again on coming back.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") listen();
  });
})();
