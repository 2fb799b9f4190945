// A button with data-copy="<id>" copies that element's text; without this script the text is there to be selected.

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  const label = button.textContent;
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "visually-hidden";
  button.after(status);
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = button.dataset.copied;
    status.textContent = button.dataset.copied;
    window.setTimeout(() => {
      button.textContent = label;
      status.textContent = "";
    }, 2500);
  });
}
