// The avatar: choosing, dropping, uploading and removing it.

import { ApiError, updateProfile, uploadAvatar } from "./api.js";
import { clearErrors, explain, showError, showErrors } from "./forms.js";
import { erase, text, write } from "./language.js";
import { MAX_BYTES, fit } from "./picture.js";
import { endsSession, session, update } from "./session.js";
import { showAvatar, showCard } from "./views.js";

const element = (id) => document.getElementById(id);

async function change(request, done) {
  const tools = element("avatar-tools");
  const status = element("avatar-status");
  clearErrors(tools);
  erase(status);
  try {
    await update(request);
    showCard(session.profile);
    write(status, () => text(done));
  } catch (error) {
    if (endsSession(error)) {
      return;
    }
    showCard(session.profile);
    if (!showErrors(tools, error.fields)) {
      showError(element("avatar-file"), explain(error));
      element("avatar-file").focus();
    }
  }
}

function upload(file) {
  return change(async (owner) => {
    if (!file) {
      const message = "The submitted data was not a file. Check the encoding type on the form.";
      throw new ApiError(400, { avatar: [message] });
    }
    write(element("avatar-status"), () => text("avatar_uploading"));
    try {
      const picture = await fit(file);
      // So that nobody waits for an upload that the service must refuse.
      if (picture.size > MAX_BYTES) {
        throw new ApiError(400, { avatar: ["Ensure this file is no larger than 4 MiB."] });
      }
      owner.signal.throwIfAborted();
      return await uploadPreviewed(owner, picture);
    } finally {
      erase(element("avatar-status"));
    }
  }, "avatar_saved");
}

async function uploadPreviewed(owner, picture) {
  const progress = element("avatar-progress");
  const preview = URL.createObjectURL(picture);
  showAvatar(preview);
  progress.value = 0;
  progress.hidden = false;
  try {
    return await uploadAvatar(owner, picture, (share) => {
      progress.value = share;
    });
  } finally {
    progress.hidden = true;
    URL.revokeObjectURL(preview);
  }
}

element("avatar-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  // So that the same file can be chosen again.
  target.value = "";
  upload(file);
});

element("avatar-remove").addEventListener("click", async () => {
  await change((owner) => updateProfile(owner, { avatar: null }), "avatar_removed");
  // The button has gone, and the focus with it.
  if (session && element("avatar-remove").hidden) {
    element("avatar-file").focus();
  }
});

// The whole page takes a dropped file: one that misses a smaller target would replace the page.
// Anything but a file may still be dropped into a field.
const intoField = ({ target, dataTransfer }) =>
  target instanceof HTMLInputElement && !dataTransfer.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (!intoField(event)) {
    event.preventDefault();
    element("card").classList.toggle("target", Boolean(session?.profile));
  }
});

document.addEventListener("dragleave", ({ relatedTarget }) => {
  // Only where the pointer leaves the page, and not from one element to the next.
  if (!relatedTarget) {
    element("card").classList.remove("target");
  }
});

document.addEventListener("drop", (event) => {
  if (intoField(event)) {
    return;
  }
  event.preventDefault();
  element("card").classList.remove("target");
  if (session?.profile) {
    upload(event.dataTransfer.files[0]);
  }
});
