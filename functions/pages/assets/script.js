// The pages work without this: it only counts down, and guesses the zone that nobody has chosen.
"use strict";

const chooser = document.querySelector("form.zone[data-guess]");
if (chooser) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...chooser.zone.options].some((option) => option.value === zone);
  if (known && zone !== chooser.zone.value) {
    const url = new URL(location.href);
    url.searchParams.set("zone", zone);
    location.replace(url);
  }
}

const countdown = document.querySelector(".countdown");
if (countdown) {
  const kept = countdown.closest(".kept");
  const clock = countdown.querySelector(".clock");
  const news = document.getElementById("countdown-news");
  const ends = performance.now() + 1000 * Number(countdown.dataset.seconds);
  const say = (text) => {
    if (news.textContent !== text) news.textContent = text;
  };
  const show = () => {
    const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left === 0) {
      countdown.textContent = countdown.dataset.over;
      kept.classList.add("over");
      say(countdown.dataset.over);
      clearInterval(timer);
    } else if (left <= 60) {
      kept.classList.add("soon");
      say(countdown.dataset.minute);
    }
  };
  const timer = setInterval(show, 1000);
  kept.querySelector(".until").hidden = true;
  countdown.hidden = false;
  show();
}

const errors = document.getElementById("errors");
if (errors) errors.focus();
